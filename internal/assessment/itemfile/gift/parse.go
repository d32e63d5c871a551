package gift

import (
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strings"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodletext"
)

// Parse yields the questions of a file in their order. A Broken error stands for
// one question, any other for the end of the file before its time.
func Parse(r io.Reader) iter.Seq2[*Question, error] {
	return func(yield func(*Question, error) bool) {
		p := &parser{blocks: newBlocks(r)}
		for b := p.blocks.next(); b != nil; b = p.blocks.next() {
			for _, one := range split(b) {
				q, err := p.question(one)
				if q == nil && err == nil {
					continue
				}
				if !yield(q, err) {
					return
				}
			}
		}
		if p.blocks.err != nil {
			yield(nil, p.blocks.err)
		}
	}
}

// parser goes from block to block. What comments say holds for the next
// question, even over an empty line.
type parser struct {
	blocks *blocks
	id     string
	tags   []string
}

const categoryMark = "$CATEGORY:"

// split gives the lines that name a category a block of their own.
func split(b *block) []*block {
	isCategory := func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), categoryMark) }
	if len(b.lines) < 2 || !slices.ContainsFunc(b.lines, isCategory) {
		return []*block{b}
	}
	var out []*block
	from := 0
	cut := func(to int) {
		if to > from {
			out = append(out, &block{lines: b.lines[from:to], numbers: b.numbers[from:to], tooLong: b.tooLong, legacy: b.legacy})
			from = to
		}
	}
	for i, line := range b.lines {
		if isCategory(line) {
			cut(i)
			cut(i + 1)
		}
	}
	cut(len(b.lines))
	for i := range out { // the comments belong to the first question
		if !isCategory(out[i].lines[0]) || i == len(out)-1 {
			out[i].comments = b.comments
			break
		}
	}
	return out
}

// question reads a block. It returns nothing for one of comments alone.
func (p *parser) question(b *block) (*Question, error) {
	for _, c := range b.comments {
		p.comment(c)
	}
	if len(b.lines) == 0 {
		return nil, nil
	}
	if line := strings.TrimSpace(b.lines[0]); len(b.lines) == 1 && strings.HasPrefix(line, categoryMark) {
		return &Question{Line: b.numbers[0], Type: Category, Title: strings.TrimSpace(line[len(categoryMark):])}, nil
	}
	q := &Question{Line: b.numbers[0], ID: p.id, Tags: p.tags}
	p.id, p.tags = "", nil
	if b.legacy {
		q.Notes = append(q.Notes, "its text is not UTF-8; it is taken for windows-1252")
	}
	if b.tooLong {
		return nil, &Broken{Line: q.Line, Reason: fmt.Sprintf("it is longer than %d bytes", maxBlock)}
	}
	p.close(b, q)
	r := &reader{Question: q, text: strings.Join(b.lines, "\n"), numbers: b.numbers}
	if err := r.read(); err != nil {
		err.Title = q.Title
		return nil, err
	}
	return q, nil
}

// close adds the blocks that belong to the answers of b although an empty line
// comes before them.
func (p *parser) close(b *block, q *Question) {
	const most = 20 // empty lines
	added := 0
	for ; added < most && opens(b); added++ {
		next := p.blocks.next()
		if next == nil {
			break
		}
		joined := &block{
			lines: slices.Concat(b.lines, []string{""}, next.lines), numbers: slices.Concat(b.numbers, []int{b.numbers[len(b.numbers)-1] + 1}, next.numbers),
			size: b.size + next.size,
		}
		if len(next.lines) == 0 || strings.HasPrefix(strings.TrimSpace(next.lines[0]), "::") || strings.HasPrefix(strings.TrimSpace(next.lines[0]), categoryMark) ||
			next.tooLong || joined.size > maxBlock || !continues(next) {
			p.blocks.held = next
			break
		}
		for _, c := range next.comments {
			p.comment(c)
		}
		*b = *joined
	}
	if added > 0 && !opens(b) {
		q.Notes = append(q.Notes, "there is an empty line within its answers, at which Moodle would end the question")
	}
}

// opens says whether the answers begin and do not end.
func opens(b *block) bool {
	text := strings.Join(b.lines, "\n")
	from := find(text, 0, "{")
	return from >= 0 && find(text, from, "}") < 0
}

// continues says whether the first brace in the block closes.
func continues(b *block) bool {
	text := strings.Join(b.lines, "\n")
	at := find(text, 0, "{}")
	return at < 0 && strings.ContainsAny(strings.TrimSpace(text)[:1], "=~#") || at >= 0 && text[at] == '}'
}

var (
	idMark  = regexp.MustCompile(`\[id:((?:\\\]|[^][:cntrl:]\]])+)\]`)
	tagMark = regexp.MustCompile(`\[tag:((?:\\\]|[^][:cntrl:]\]<>` + "`" + `])+)\]`)
)

// comment takes the identifier and the tags from a comment.
func (p *parser) comment(text string) {
	if !strings.Contains(text, "[id:") && !strings.Contains(text, "[tag:") {
		return
	}
	if m := idMark.FindStringSubmatch(text); m != nil {
		p.id = strings.TrimSpace(strings.ReplaceAll(m[1], `\]`, "]"))
	}
	for _, m := range tagMark.FindAllStringSubmatch(text, -1) {
		if tag := strings.TrimSpace(strings.ReplaceAll(m[1], `\]`, "]")); tag != "" && !slices.Contains(p.tags, tag) {
			p.tags = append(p.tags, tag)
		}
	}
}

// find returns the first place from which on one of the bytes stands that no
// backslash takes its meaning from, or -1.
func find(s string, from int, bytes string) int {
	for i := from; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && isEscapable(s[i+1]) {
			i++
			continue
		}
		if strings.IndexByte(bytes, s[i]) >= 0 {
			return i
		}
	}
	return -1
}

// findWord is find for a word.
func findWord(s string, from int, word string) int {
	for i := from; ; i++ {
		if i = find(s, i, word[:1]); i < 0 || strings.HasPrefix(s[i:], word) {
			return i
		}
	}
}

// isEscapable says whether a backslash before the byte means something.
func isEscapable(c byte) bool { return strings.IndexByte(`~=#{}:\n`, c) >= 0 }

// unescape resolves escapes and, in the automatic format, white space.
func unescape(text string, format moodletext.Format) string {
	text = strings.TrimSpace(text)
	if format == moodletext.Auto && strings.ContainsAny(text, " \t\n") {
		text = collapse(text)
	}
	if strings.IndexByte(text, '\\') < 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && isEscapable(text[i+1]) {
			i++
			if text[i] == 'n' {
				b.WriteByte('\n')
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// collapse makes line ends spaces and several spaces one.
func collapse(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	space := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case ' ', '\t', '\n':
			space = true
		default:
			if space {
				b.WriteByte(' ')
				space = false
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}

// formatted reads a text that may begin with its format.
func formatted(text string, inherited moodletext.Format) Text {
	text = strings.TrimSpace(text)
	format, rest := inherited, text
	if strings.HasPrefix(text, "[") {
		if name, after, ok := strings.Cut(text[1:], "]"); ok && len(name) <= 10 {
			switch moodletext.Format(name) {
			case moodletext.HTML, moodletext.Auto, moodletext.Plain, moodletext.Markdown:
				format, rest = moodletext.Format(name), after
			}
		}
	}
	return Text{Format: format, Text: unescape(rest, format)}
}
