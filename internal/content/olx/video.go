package olx

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var youTubeID = regexp.MustCompile(`^[A-Za-z0-9_-]{6,20}$`)

// video reads a video by reference. One without any playable source becomes a
// placeholder.
func (p *parser) video(e *element) (Block, error) {
	v := &Video{
		YouTubeID: youTube(e.node), Download: e.isTrue("download_video"),
		Start: clock(e.get("start_time")), End: clock(e.get("end_time")),
	}
	for _, source := range videoSources(e.node) {
		if target, err := p.media(e, source); err != nil {
			return Block{}, err
		} else if target != "" && !slices.Contains(v.Sources, target) {
			v.Sources = append(v.Sources, target)
		}
	}
	if asset := e.child("video_asset"); asset != nil {
		if seconds, err := strconv.ParseFloat(asset.get("duration"), 64); err == nil && seconds > 0 && seconds < 1e6 {
			v.Duration = time.Duration(seconds * float64(time.Second))
		}
	}
	if err := p.transcripts(e, v); err != nil {
		return Block{}, err
	}
	var err error
	if v.Handout, err = p.media(e, orElse(e.get("handout"), childSource(e.node, "handout"))); err != nil {
		return Block{}, err
	}
	if v.Transcript, err = p.media(e, orElse(e.get("track"), childSource(e.node, "track"))); err != nil {
		return Block{}, err
	}
	p.attributes(e.node, e.at, []string{
		"youtube", "youtube_id_1_0", "youtube_id_0_75", "youtube_id_1_25", "youtube_id_1_5", "html5_sources", "source", "sub", "transcripts",
		"transcript_language", "track", "handout", "start_time", "end_time", "download_video", "download_track", "show_captions",
		"edx_video_id", "saved_video_position", "only_on_web", "visible_to_staff_only", "from", "to", "autoplay", "public_access",
	})
	if v.YouTubeID == "" && len(v.Sources) == 0 {
		p.report.add(Skipped, e.at, describe("Video", e.title()), "it names no video that can be played; a placeholder is in its place")
		p.report.Counts.Placeholders[e.kind]++
		return Block{Kind: KindPlaceholder, Title: e.title(), Placeholder: &Placeholder{
			Type: e.kind, Label: describe("Video", e.title()), Reason: "The export names no video that can be played.",
		}}, nil
	}
	p.report.Counts.Videos++
	return Block{Kind: KindVideo, Title: e.title(), Video: v}, nil
}

// youTube is the id of the video at normal speed.
func youTube(n *node) string {
	id := n.get("youtube_id_1_0")
	for _, pair := range strings.Split(n.get("youtube"), ",") {
		if speed, at, ok := strings.Cut(strings.TrimSpace(pair), ":"); ok && id == "" && (speed == "1.0" || speed == "1.00") {
			id = at
		}
	}
	if !youTubeID.MatchString(id) {
		return ""
	}
	return id
}

func videoSources(n *node) []string {
	var out []string
	var list []string
	if json.Unmarshal([]byte(n.get("html5_sources")), &list) == nil {
		out = append(out, list...)
	}
	for _, s := range n.elements("source") {
		out = append(out, s.get("src"))
	}
	out = append(out, n.get("source"))
	for _, asset := range n.elements("video_asset") {
		for _, encoded := range asset.elements("encoded_video") {
			out = append(out, encoded.get("url"))
		}
	}
	return out
}

func childSource(n *node, name string) string {
	if c := n.child(name); c != nil {
		return c.get("src")
	}
	return ""
}

// media returns the URL for a file of the export or of another site, "" for
// none. What is missing is reported.
func (p *parser) media(e *element, raw string) (string, error) {
	if raw == "" {
		return "", nil
	}
	c := &cleaning{sanitizer: p.clean, at: e.at}
	target, _ := c.link(raw)
	if strings.HasPrefix(target, "mailto:") || strings.HasPrefix(target, "unit:") {
		target = ""
	}
	return target, p.clean.err
}

// transcripts finds the files of timed text, one a language.
func (p *parser) transcripts(e *element, v *Video) error {
	files := map[string]string{}
	if sub := e.get("sub"); sub != "" {
		files["en"] = "subs_" + sub + ".srt.sjson"
	}
	var list map[string]string
	if json.Unmarshal([]byte(e.get("transcripts")), &list) == nil {
		maps.Copy(files, list)
	}
	for _, t := range e.elements("transcript") {
		files[t.get("language")] = t.get("src")
	}
	for _, language := range slices.Sorted(maps.Keys(files)) {
		name := strings.TrimPrefix(files[language], "/static/")
		if name == "" || !languageTag.MatchString(language) {
			p.report.add(Simplified, e.at, "a transcript", "it has no language or no file")
			continue
		}
		asset, err := p.shelf.get(name)
		if err != nil {
			return err
		}
		if asset == nil {
			p.report.add(Missing, e.at, fmt.Sprintf("transcript %q", name), "the export does not contain it")
			continue
		}
		v.Transcripts = append(v.Transcripts, Transcript{Language: language, Asset: asset})
	}
	return nil
}

// clock reads "00:01:30", or seconds; 0 for nothing.
func clock(s string) time.Duration {
	var total float64
	parts := strings.Split(strings.Trim(s, `"`), ":")
	if len(parts) > 3 {
		return 0
	}
	for _, part := range parts {
		n, err := strconv.ParseFloat(part, 64)
		if err != nil || !(n >= 0 && n <= 1e6) { // NaN is neither
			return 0
		}
		total = total*60 + n
	}
	return time.Duration(total * float64(time.Second))
}
