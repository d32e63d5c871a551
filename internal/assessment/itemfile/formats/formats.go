// Package formats reads item files of every format that is known: it finds out
// which one it is and hands the file to the reader of that format.
package formats

import (
	"context"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/gift"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/moodlexml"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/qti12"
	"github.com/lyceum-lms/platform/internal/assessment/itemfile/qtifile"
)

// Open finds out the format of a file and begins to read it. The questions can
// be read several times as long as the source is open. A file that is in no known
// format, or is a danger, is refused with a RefusedError.
func Open(ctx context.Context, src itemfile.Source) (itemfile.Detected, itemfile.Questions, error) {
	found, err := itemfile.Detect(ctx, src, itemfile.Limits{})
	if err != nil {
		return found, nil, err
	}
	switch found.Format {
	case itemfile.GIFT:
		return found, gift.Read(ctx, src), nil
	case itemfile.MoodleXML:
		return found, moodlexml.Read(ctx, src), nil
	case itemfile.QTI12:
		return found, qti12.Read(ctx, src), nil
	case itemfile.QTI:
		return found, qtifile.Read(ctx, src), nil
	case itemfile.QTIMixed:
		return found, both(qtifile.Read(ctx, src), qti12.Read(ctx, src)), nil
	}
	return found, nil, itemfile.Refuse(itemfile.Place{File: src.Name}, "the format %s is not read", found.Name)
}

// both are the questions of one sequence and then of the other, unless the first
// ends with an error.
func both(first, second itemfile.Questions) itemfile.Questions {
	return func(yield func(itemfile.Found, error) bool) {
		for found, err := range first {
			if !yield(found, err) || err != nil {
				return
			}
		}
		second(yield)
	}
}
