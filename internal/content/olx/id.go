package olx

import (
	"strings"

	"github.com/google/uuid"
)

// BlockID is the id of a block of a course. It depends on nothing but its
// arguments, so that a course which is imported again keeps its identity.
// courseKey is [Course.Key]; blockType and urlName are those of the export, such
// as "problem" and "a1b2c3". The course's own id has the type "course".
func BlockID(organisation uuid.UUID, courseKey, blockType, urlName string) uuid.UUID {
	// Made once, at random, for this purpose. Never to be changed.
	namespace := uuid.UUID{0x6e, 0x0b, 0x2f, 0x51, 0x9c, 0x3d, 0x4a, 0x87, 0xb2, 0x64, 0x1f, 0x7d, 0x05, 0xe8, 0xc9, 0x3a}
	// The separator cannot be part of any field that comes out of XML.
	name := strings.Join([]string{organisation.String(), courseKey, blockType, urlName}, "\x00")
	return uuid.NewSHA1(namespace, []byte(name))
}
