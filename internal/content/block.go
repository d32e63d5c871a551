package content

import (
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/content/olx"
)

// blockKind says which field of a block is set.
type blockKind string

const (
	blockHTML        blockKind = "html"
	blockVideo       blockKind = "video"
	blockFile        blockKind = "file"
	blockProblemSet  blockKind = "problem_set"
	blockPlaceholder blockKind = "placeholder"
)

// block is a piece of a unit, as stored (with asset: and unit: URLs) and, once
// rendered, as sent. The two have one form on purpose: what a version holds is
// what a reader gets.
type block struct {
	BlockID     uuid.UUID         `json:"block_id"`
	Kind        blockKind         `json:"kind"`
	Title       string            `json:"title,omitempty"`
	HTML        string            `json:"html,omitempty"`
	Video       *videoBlock       `json:"video,omitempty"`
	File        *fileBlock        `json:"file,omitempty"`
	ProblemSet  *problemSetBlock  `json:"problem_set,omitempty"`
	Placeholder *placeholderBlock `json:"placeholder,omitempty"`
}

type videoBlock struct {
	YouTubeID       string            `json:"youtube_id,omitempty"`
	Sources         []string          `json:"sources,omitempty"` // in order of preference
	StartSeconds    float64           `json:"start_seconds,omitempty"`
	EndSeconds      float64           `json:"end_seconds,omitempty"`
	DurationSeconds float64           `json:"duration_seconds,omitempty"`
	Transcripts     []transcriptBlock `json:"transcripts,omitempty"`
	HandoutURL      string            `json:"handout_url,omitempty"`
	TranscriptURL   string            `json:"transcript_url,omitempty"` // as a document
	Downloadable    bool              `json:"downloadable,omitempty"`
}

type transcriptBlock struct {
	Language string `json:"language"`
	URL      string `json:"url"`
}

type fileBlock struct {
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Bytes     int64  `json:"bytes"`
	URL       string `json:"url"`
}

// problemSetBlock says where the problems of the unit are: the set is delivered
// by assessment, under the same id.
type problemSetBlock struct {
	ProblemSetID uuid.UUID   `json:"problem_set_id"`
	Title        string      `json:"title"`
	ItemIDs      []uuid.UUID `json:"item_ids"` // those that stand in this unit
}

// placeholderBlock stands for what could not be imported.
type placeholderBlock struct {
	Type  string `json:"type"`
	Label string `json:"label"`
}

// blockOf converts every kind but problems, which become a problem set.
func blockOf(b *olx.Block) block {
	out := block{BlockID: b.ID, Title: b.Title, HTML: b.HTML}
	switch b.Kind {
	case olx.KindVideo:
		out.Kind, out.Video = blockVideo, videoOf(b.Video)
	case olx.KindFile:
		out.Kind, out.File = blockFile, &fileBlock{
			Name: b.File.Name, MediaType: b.File.MediaType, Bytes: b.File.Size, URL: b.File.URL(),
		}
	case olx.KindPlaceholder:
		out.Kind, out.Placeholder = blockPlaceholder, &placeholderBlock{Type: b.Placeholder.Type, Label: b.Placeholder.Label}
	default:
		out.Kind = blockHTML
	}
	return out
}

func videoOf(v *olx.Video) *videoBlock {
	out := &videoBlock{
		YouTubeID: v.YouTubeID, Sources: v.Sources, StartSeconds: seconds(v.Start), EndSeconds: seconds(v.End),
		DurationSeconds: seconds(v.Duration), HandoutURL: v.Handout, TranscriptURL: v.Transcript, Downloadable: v.Download,
	}
	for _, t := range v.Transcripts {
		out.Transcripts = append(out.Transcripts, transcriptBlock{Language: t.Language, URL: t.Asset.URL()})
	}
	return out
}

func seconds(d time.Duration) float64 { return d.Seconds() }
