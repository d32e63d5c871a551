package httpserver_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
)

// nowhere is a client that reads nothing.
type nowhere struct{ header http.Header }

func (w nowhere) Header() http.Header            { return w.header }
func (nowhere) WriteHeader(int)                  {}
func (nowhere) Write(p []byte) (int, error)      { return len(p), nil }
func (nowhere) SetReadDeadline(time.Time) error  { return nil }
func (nowhere) SetWriteDeadline(time.Time) error { return nil }

type savedInput struct {
	AttemptID uuid.UUID `path:"attempt_id" format:"uuid"`
	ItemID    uuid.UUID `path:"item_id" format:"uuid"`
	Body      struct {
		Sequence *int64          `json:"sequence,omitempty" minimum:"1"`
		Response json.RawMessage `json:"response"`
	}
}

type savedOutput struct {
	Body struct {
		Sequence int64     `json:"sequence"`
		SavedAt  time.Time `json:"saved_at"`
	}
}

// BenchmarkServer is what the server costs around handlers that do nothing: the
// two paths on which that matters are the reading of a unit and the saving of a
// response.
func BenchmarkServer(b *testing.B) {
	s := serve(b, func(r *httpserver.Router) {
		httpserver.Raw(r, httpserver.Route{Method: "GET", Path: "/v1/users/units/{id}", ID: "read", Summary: "Read",
			Permission: auth.SignedIn}, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
		httpserver.Handle(r, httpserver.Route{Method: "PUT", Path: "/v1/users/{attempt_id}/responses/{item_id}", ID: "save", Summary: "Save",
			Permission: auth.SignedIn}, func(_ context.Context, in *savedInput) (*savedOutput, error) {
			out := &savedOutput{}
			out.Body.Sequence, out.Body.SavedAt = *in.Body.Sequence, time.Unix(0, 0).UTC()
			return out, nil
		})
	})
	token := s.Token(b, auth.Principal{AccountID: uuid.New(), OrganisationID: uuid.New(), Roles: []auth.Role{auth.Learner}})
	for name, req := range map[string]struct{ method, path, body string }{
		"read": {"GET", "/v1/users/units/" + uuid.NewString(), ""},
		"save": {"PUT", "/v1/users/" + uuid.NewString() + "/responses/" + uuid.NewString(), `{"sequence":1000001,"response":{"1":{"choices":["choice_0"]}}}`},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := http.NewRequestWithContext(b.Context(), req.method, req.path, strings.NewReader(req.body))
				if err != nil {
					b.Fatal(err)
				}
				r.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "User-Agent": {"bench"}}
				s.HTTP.Handler().ServeHTTP(nowhere{http.Header{}}, r)
			}
		})
	}
}
