package moodletext

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// Tokens are words that stand for something in a text until its markup is clean.
// As they come from a digest of the question itself, an author cannot write them
// into it.
type Tokens struct{ prefix string }

// NewTokens returns the tokens of a question.
func NewTokens(question string) Tokens {
	digest := sha256.Sum256([]byte(question))
	return Tokens{"q" + hex.EncodeToString(digest[:16]) + "n"}
}

// Token returns the nth token.
func (t Tokens) Token(n int) string { return t.prefix + strconv.Itoa(n) + "e" }

// Put replaces the tokens in clean markup. put returns what comes in the place of
// the nth; within a tag, where no element can be, attribute is true.
func (t Tokens) Put(text string, put func(n int, attribute bool) string) string {
	if !strings.Contains(text, t.prefix) {
		return text
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, t.prefix)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		number, rest, found := strings.Cut(rest, "e")
		n, err := strconv.Atoi(number)
		if !found || err != nil {
			text = number + rest // cut short by the cleaning of an attribute
			continue
		}
		done := b.String()
		b.WriteString(put(n, strings.LastIndexByte(done, '<') > strings.LastIndexByte(done, '>')))
		text = rest
	}
}
