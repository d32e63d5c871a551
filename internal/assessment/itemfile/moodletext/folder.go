package moodletext

import "strings"

// Folder splits the path of a question category. A double slash is a slash in a
// name. The words for the context, $course$ and its like, and "top", the unnamed
// root of every context, are no folders.
func Folder(path string) []string {
	path = strings.TrimSpace(path)
	var names []string
	var name strings.Builder
	flush := func() {
		if s := strings.Join(strings.Fields(name.String()), " "); s != "" {
			names = append(names, s)
		}
		name.Reset()
	}
	for i := 0; i < len(path); i++ {
		switch {
		case path[i] != '/':
			name.WriteByte(path[i])
		case i+1 < len(path) && path[i+1] == '/':
			name.WriteByte('/')
			i++
		default:
			flush()
		}
	}
	flush()
	if len(names) > 0 && isContext(names[0]) {
		names = names[1:]
	}
	for len(names) > 0 && names[0] == "top" {
		names = names[1:]
	}
	const deepest = 20
	if len(names) > deepest {
		names = names[:deepest]
	}
	return names
}

// Path is the reverse of Folder, below the top of the course.
func Path(folder []string) string {
	path := "$course$/top"
	for _, name := range folder {
		path += "/" + strings.ReplaceAll(name, "/", "//")
	}
	return path
}

// isContext says whether the word is "$course$", "$system$", "$cat1$" or like
// them.
func isContext(word string) bool {
	return len(word) > 2 && strings.HasPrefix(word, "$") && strings.HasSuffix(word, "$")
}
