package assessment

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/assessment/itemfile"
	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/bus/event"
	"github.com/lyceum-lms/platform/internal/httpserver"
)

// What goes out of a bank in either format comes into another as it was: the same
// items, folders, tags, files, scored the same.
func TestItemsGoOutAndComeInAgain(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, _ := ada.catalogue()
	file := ada.upload(bank, "map.png", []byte("\x89PNG map"))
	def := choiceItem(newID(), "2")
	def.Title = "With a map"
	def.BodyHTML = `<p>Which? <img src="` + file.Asset + `" alt="A map"></p><div data-part="1"></div>`
	ada.writeWith(bank, map[string]any{"definition": def, "identity": "map", "difficulty": "0.4"})
	for _, format := range []exportFormat{exportQTI, exportMoodle} {
		var out []byte
		response := ada.do(http.StatusOK, "GET", bank+"/export?format="+string(format), nil, &out)
		require.Contains(t, response.Header.Get("Content-Disposition"), "Catalogue.")
		other, _ := ada.bank("From " + string(format))
		im := ada.awaits(ada.bring(other, "export", string(out)), importRead)
		require.Zero(t, im.Found.Skipped, "%+v", im.Report)
		require.Equal(t, &itemBroughtBody{Created: 6}, ada.confirm(im, nil).Brought)
		require.Equal(t, ada.titles(bank, "sort=title"), ada.titles(other, "sort=title"), format)
		require.Equal(t, ada.titles(bank, "sort=title&tag=water"), ada.titles(other, "sort=title&tag=water"), format)
		require.Equal(t, ada.titles(bank, "sort=title&folder=root"), ada.titles(other, "sort=title&folder=root"), format)
		var before, after httpserver.List[ItemBody]
		ada.do(http.StatusOK, "GET", bank+"/items?identity=map", nil, &before)
		ada.do(http.StatusOK, "GET", other+"/items?identity=map", nil, &after)
		require.Len(t, after.Items, 1, format)
		var item fullItemBody
		ada.do(http.StatusOK, "GET", "/v1/items/"+after.Items[0].ItemID.String(), nil, &item)
		require.Len(t, item.Media, 1)
		for _, url := range item.Media {
			var content []byte
			require.Equal(t, http.StatusOK, s.api.Do(t, "GET", url, "", nil, &content).StatusCode)
			require.Equal(t, "\x89PNG map", string(content))
		}
		for _, response := range []string{`{"1":{"choices":["b"]}}`, `{"1":{"choices":["a"]}}`, `{}`} {
			score := func(it ItemBody) json.RawMessage {
				var got struct {
					Result struct {
						Score json.RawMessage `json:"score"`
					}
				}
				ada.do(http.StatusOK, "POST", "/v1/items/"+it.ItemID.String()+"/trial", map[string]any{"response": json.RawMessage(response)}, &got)
				return got.Result.Score
			}
			require.JSONEq(t, string(score(before.Items[0])), string(score(after.Items[0])), "%s %s", format, response)
		}
		// Into the bank that it came from it brings nothing new.
		same := ada.awaits(ada.bring(bank, "export", string(out)), importRead)
		require.Equal(t, 6, same.Found.Unchanged+same.Found.Changed)
		require.Zero(t, same.Found.New, format)
		ada.do(http.StatusOK, "POST", importPath(same)+"/cancel", nil, nil)
	}
}

func TestAnExportIsNarrowedAndReported(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	ada := s.author("Ada")
	bank, folders := ada.catalogue()
	var out []byte
	ada.do(http.StatusOK, "GET", bank+"/export?format=moodle-xml&tag=water&folder="+folders["a/b"].String(), nil, &out)
	require.Contains(t, string(out), "Lakes")
	require.NotContains(t, string(out), "Rivers")
	var report exportReportBody
	ada.do(http.StatusOK, "GET", bank+"/export/report?format=moodle-xml", nil, &report)
	require.Equal(t, 5, report.Items)
	def := choiceItem(newID(), "1")
	def.Parts[0].Kind, def.Parts[0].Choices = event.Slider, nil
	def.Parts[0].Slider, def.Parts[0].Numbers = &event.SliderV1{Low: "0", High: "9"}, []event.NumberKeyV1{{Value: "4", Tolerance: "1", Credit: "1"}}
	ada.writeWith(bank, map[string]any{"definition": def, "identity": "slider"})
	ada.do(http.StatusOK, "GET", bank+"/export/report?format=moodle-xml&identity=slider", nil, &report)
	require.Equal(t, 1, report.Items)
	require.NotEmpty(t, report.Lines, "Moodle has no slider")
	require.Equal(t, "slider", report.Lines[0].Place.ID)

	for _, bad := range []string{"format=word", "", "format=qti-3.0&status=old", "format=qti-3.0&folder=x"} {
		ada.refused(http.StatusUnprocessableEntity, "invalid-value", "GET", bank+"/export?"+bad, nil)
	}
	for _, path := range []string{bank + "/export?format=qti-3.0", bank + "/export/report?format=qti-3.0"} {
		s.author("Stranger").refused(http.StatusNotFound, "not-found", "GET", path, nil)
		s.person(newID(), auth.OrganisationAdmin).refused(http.StatusNotFound, "not-found", "GET", path, nil)
		s.learner("Leo").refused(http.StatusForbidden, "forbidden", "GET", path, nil)
		reader := s.author("Reader")
		ada.member(bank, reader, bankReader)
		reader.do(http.StatusOK, "GET", path, nil, nil)
	}
}

// A file that holds an item as this platform writes them is a file of a stranger
// all the same.
func TestMarkupOfAFileIsNotTrusted(t *testing.T) {
	t.Parallel()
	digest := strings.Repeat("0a", 32)
	cleaner := newCleaner()
	item := func(body string) itemfile.Found {
		def := choiceItem(newID(), "1")
		def.BodyHTML = body
		return itemfile.Found{Identity: "1", Kind: "x", Item: &def}
	}
	p := prepareFound(cleaner, item(`<p onclick="x()">Which?<script>x()</script></p>`), 0)
	require.Equal(t, "<p>Which?</p>", p.Item.BodyHTML)
	require.NotEmpty(t, p.Lines)
	for _, body := range []string{`<img src="asset:` + digest + `/a.png" alt="x">`, `<a href="asset:` + digest + `/a.pdf">x</a>`} {
		require.Nil(t, prepareFound(cleaner, item(body), 0).Item, "the file of others would be signed: %s", body)
		own := item(body)
		own.Media = []itemfile.Media{{SHA256: digest, Name: "a.png"}}
		require.NotNil(t, prepareFound(cleaner, own, 0).Item)
	}
	foreign := item("<p>x</p>")
	foreign.Item.Parts[0].Image = &event.ImageV1{Src: "asset:" + digest + "/a.png", Alt: "x", Width: 1, Height: 1}
	require.Nil(t, prepareFound(cleaner, foreign, 0).Item)
}
