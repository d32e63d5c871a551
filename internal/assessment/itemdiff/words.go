package itemdiff

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxCells bounds the work of one comparison, which is the product of what
// differs on both sides.
const maxCells = 4 << 20

// words compares two texts word by word.
func words(before, after string) []Run {
	a, b := tokens(before), tokens(after)
	pairs := common(a, b)
	if pairs == nil && len(a) > 0 && len(b) > 0 && tooMuch(a, b) {
		return nil
	}
	var runs []Run
	add := func(op Op, text string) {
		if text == "" {
			return
		}
		if last := len(runs) - 1; last >= 0 && runs[last].Op == op {
			runs[last].Text += text
			return
		}
		runs = append(runs, Run{Op: op, Text: text})
	}
	i, j := 0, 0
	flush := func(to, upTo int) {
		add(Removed, strings.Join(a[i:to], ""))
		add(Added, strings.Join(b[j:upTo], ""))
	}
	for _, p := range pairs {
		flush(p[0], p[1])
		add("", a[p[0]])
		i, j = p[0]+1, p[1]+1
	}
	flush(len(a), len(b))
	return runs
}

// tokens are the words of a text, its tags, and what is between them. Together
// they are the text.
func tokens(text string) []string {
	var out []string
	for text != "" {
		end := tokenEnd(text)
		out = append(out, text[:end])
		text = text[end:]
	}
	return out
}

func tokenEnd(text string) int {
	if text[0] == '<' {
		if end := strings.IndexByte(text, '>'); end > 0 {
			return end + 1
		}
	}
	inWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }
	first, size := utf8.DecodeRuneInString(text)
	if !inWord(first) {
		return size
	}
	for i, r := range text {
		if !inWord(r) {
			return i
		}
	}
	return len(text)
}

// common returns the pairs of positions of a longest common subsequence: nil if
// the lists have nothing in common, or are too long for it.
func common(a, b []string) [][2]int {
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	var pairs [][2]int
	for i := range start {
		pairs = append(pairs, [2]int{i, i})
	}
	for _, p := range middle(a[start:len(a)-end], b[start:len(b)-end]) {
		pairs = append(pairs, [2]int{start + p[0], start + p[1]})
	}
	for i := range end {
		pairs = append(pairs, [2]int{len(a) - end + i, len(b) - end + i})
	}
	return pairs
}

func tooMuch(a, b []string) bool { return len(a)*len(b) > maxCells }

// middle is common for lists that differ at both ends.
func middle(a, b []string) [][2]int {
	if len(a) == 0 || len(b) == 0 || tooMuch(a, b) {
		return nil
	}
	width := len(b) + 1
	longest := make([]int32, (len(a)+1)*width) // of a[i:] and b[j:]
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				longest[i*width+j] = longest[(i+1)*width+j+1] + 1
			} else {
				longest[i*width+j] = max(longest[(i+1)*width+j], longest[i*width+j+1])
			}
		}
	}
	var pairs [][2]int
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			pairs = append(pairs, [2]int{i, j})
			i, j = i+1, j+1
		case longest[(i+1)*width+j] >= longest[i*width+j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}
