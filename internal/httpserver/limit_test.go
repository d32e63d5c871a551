package httpserver_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
)

func TestUnderLoadTheExamPathIsShedLast(t *testing.T) {
	t.Parallel()
	inside, release := make(chan struct{}), make(chan struct{})
	wait := func(context.Context, *none) (*none, error) {
		inside <- struct{}{}
		<-release
		return &none{}, nil
	}
	reg := prometheus.NewRegistry()
	s := serve(t, func(r *httpserver.Router) {
		httpserver.Handle(r, get("/ordinary"), wait)
		exam := get("/exam")
		exam.Exam = true
		httpserver.Handle(r, exam, wait)
	}, httpservertest.WithOptions(func(o *httpserver.Options) { o.MaxInFlight, o.MaxInFlightExam, o.Registerer = 1, 2, reg }))

	var all sync.WaitGroup
	fill := func(path string) {
		all.Go(func() { require.Equal(t, 204, s.Do(t, "GET", "/v1/users"+path, "", nil, nil).StatusCode) })
		<-inside
	}
	fill("/ordinary")
	res := s.Do(t, "GET", "/v1/users/ordinary", "", nil, nil)
	requireProblem(t, res, 503, "overloaded")
	require.Equal(t, "1", res.Header.Get("Retry-After"))
	fill("/exam")
	fill("/exam")
	requireProblem(t, s.Do(t, "GET", "/v1/users/exam", "", nil, nil), 503, "overloaded")
	require.Equal(t, map[string]float64{"exam": 2, "ordinary": 1, "stream": 0}, series(t, reg, "lyceum_http_requests_in_flight"))
	close(release)
	all.Wait()
	go func() { <-inside }()
	require.Equal(t, 204, s.Do(t, "GET", "/v1/users/ordinary", "", nil, nil).StatusCode, "a place that was left can be had again")
}

func TestMetricsAreLabelledWithThePattern(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	s := serve(t, func(r *httpserver.Router) {
		httpserver.Handle(r, get("/things/{id}"), func(context.Context, *struct {
			ID string `path:"id"`
		}) (*none, error) {
			return &none{}, nil
		})
	}, httpservertest.WithOptions(func(o *httpserver.Options) { o.Registerer = reg }))
	for _, target := range []string{"/v1/users/things/1", "/v1/users/things/2", "/nothing/1", "/nothing/2"} {
		s.Do(t, "GET", target, "", nil, nil)
	}
	s.Do(t, "BREW", "/nothing", "", nil, nil)
	want := map[string]float64{"2xx GET users /v1/users/things/{id}": 2, "4xx   unmatched": 3}
	require.Eventually(t, func() bool {
		return maps.Equal(want, series(t, reg, "lyceum_http_requests_total"))
	}, 5*time.Second, time.Millisecond, "the counters do not come to %v", want)
}

// series are the values of a metric by their labels' values, in the order of
// the labels' names.
func series(t *testing.T, reg *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			values[strings.Join(labels, " ")] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return values
}

func TestStream(t *testing.T) {
	t.Parallel()
	events := make(chan httpserver.Event)
	ended := make(chan struct{})
	s := serve(t, func(r *httpserver.Router) {
		route := get("/stream")
		route.Permission = auth.SignedIn
		httpserver.Raw(r, route, func(w http.ResponseWriter, r *http.Request) {
			httpserver.Stream(w, r, func(ctx context.Context, last string) (<-chan httpserver.Event, error) {
				if last == "bad" {
					return nil, errors.New("unreadable")
				}
				context.AfterFunc(ctx, func() { ended <- struct{}{} })
				return events, nil
			})
		})
		httpserver.Handle(r, get("/plain"), ok)
	}, httpservertest.WithOptions(func(o *httpserver.Options) {
		o.MaxInFlight, o.MaxStreams, o.Log = 1, 1, slog.New(slog.DiscardHandler)
	}))
	token := s.Token(t, learner())
	requireProblem(t, s.Do(t, "GET", "/v1/users/stream", token, nil, nil, httpservertest.Header{Name: "Last-Event-ID", Value: "bad"}), 500, "internal")

	open := func() (*http.Response, *bufio.Reader) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/v1/users/stream", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := s.Client().Do(req)
		require.NoError(t, err)
		require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
		require.Empty(t, res.Header.Get("Content-Encoding"))
		return res, bufio.NewReader(res.Body)
	}
	block := func(r *bufio.Reader) string {
		var text strings.Builder
		for {
			line, err := r.ReadString('\n')
			require.NoError(t, err)
			if line == "\n" {
				return text.String()
			}
			text.WriteString(line)
		}
	}
	res, lines := open()
	require.Equal(t, "retry: 1000\n", block(lines))
	events <- httpserver.Event{ID: "7\nevent: x", Name: "grade", Data: map[string]string{"text": "a\nb"}}
	require.Equal(t, "id: 7event: x\nevent: grade\ndata: {\"text\":\"a\\nb\"}\n", block(lines))
	require.Equal(t, 204, s.Do(t, "GET", "/v1/users/plain", "", nil, nil).StatusCode, "a stream holds no place among the requests")
	requireProblem(t, s.Do(t, "GET", "/v1/users/stream", token, nil, nil), 503, "overloaded")
	require.NoError(t, res.Body.Close())
	<-ended // the client's going ends the stream

	require.Eventually(t, func() bool { return s.Do(t, "GET", "/v1/users/plain", "", nil, nil).StatusCode == 204 }, time.Second, time.Millisecond, "no place")
	var drained *http.Response
	require.Eventually(t, func() bool {
		req, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/v1/users/stream", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		if drained, err = s.Client().Do(req); err != nil || drained.StatusCode != 200 {
			return false
		}
		return true
	}, 5*time.Second, time.Millisecond, "the stream's place was not given back")
	lines = bufio.NewReader(drained.Body)
	require.Equal(t, "retry: 1000\n", block(lines))
	s.HTTP.Drain()
	<-ended
	_, err := lines.ReadByte()
	require.ErrorIs(t, err, io.EOF, "draining ends streams in order")
	require.NoError(t, drained.Body.Close())
}

func TestCompression(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("lyceum ", 1000)
	s := serve(t, func(r *httpserver.Router) {
		for name, text := range map[string]string{"big": big, "small": "x", "empty": ""} {
			httpserver.Handle(r, get("/"+name), func(context.Context, *none) (*nameOutput, error) {
				out := &nameOutput{}
				out.Body.Name = text
				return out, nil
			})
		}
		httpserver.Raw(r, get("/image"), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			_, _ = io.WriteString(w, big)
		})
		httpserver.Raw(r, get("/nothing"), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	})
	for _, c := range []struct {
		path, accept, encoding string
	}{
		{"/big", "gzip", "gzip"}, {"/big", "br, gzip;q=0.5", "gzip"}, {"/big", "gzip;q=0", ""}, {"/big", "identity", ""},
		{"/small", "gzip", ""}, {"/empty", "gzip", ""}, {"/image", "gzip", ""}, {"/nothing", "gzip", ""},
	} {
		var raw []byte
		res := s.Do(t, "GET", "/v1/users"+c.path, "", nil, &raw, httpservertest.Header{Name: "Accept-Encoding", Value: c.accept})
		require.Equal(t, c.encoding, res.Header.Get("Content-Encoding"), "%+v", c)
		if c.encoding != "gzip" {
			continue
		}
		z, err := gzip.NewReader(res.Body)
		require.NoError(t, err)
		text, err := io.ReadAll(z)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("{\"name\":%q}\n", big), string(text))
		require.Less(t, len(raw), 500)
		require.Contains(t, res.Header.Values("Vary"), "Accept-Encoding")
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	routes := func(r *httpserver.Router) { httpserver.Handle(r, get("/x"), ok) }
	from := httpservertest.Header{Name: "Origin", Value: "https://school.example"}
	closed := serve(t, routes)
	require.Empty(t, closed.Do(t, "GET", "/v1/users/x", "", nil, nil, from).Header.Get("Access-Control-Allow-Origin"))
	open := serve(t, routes, httpservertest.WithOptions(func(o *httpserver.Options) { o.AllowedOrigins = []string{from.Value} }))
	require.Equal(t, from.Value, open.Do(t, "GET", "/v1/users/x", "", nil, nil, from).Header.Get("Access-Control-Allow-Origin"))
	res := open.Do(t, "OPTIONS", "/v1/users/x", "", nil, nil, from, httpservertest.Header{Name: "Access-Control-Request-Method", Value: "GET"})
	require.Equal(t, 204, res.StatusCode)
	require.Contains(t, res.Header.Get("Access-Control-Allow-Headers"), "Authorization")
	other := httpservertest.Header{Name: "Origin", Value: "https://school.example.evil"}
	require.Empty(t, open.Do(t, "GET", "/v1/users/x", "", nil, nil, other).Header.Get("Access-Control-Allow-Origin"))
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r *httpserver.Router) { httpserver.Handle(r, get("/x"), ok) })
	id := func(sent string) string {
		return s.Do(t, "GET", "/v1/users/x", "", nil, nil, httpservertest.Header{Name: "X-Request-Id", Value: sent}).Header.Get("X-Request-Id")
	}
	require.Equal(t, "from-a.Proxy_1", id("from-a.Proxy_1"))
	for _, bad := range []string{"", "a b", "a\"b", "<script>", strings.Repeat("a", 65)} {
		require.Regexp(t, "^[0-9a-f]{32}$", id(bad))
	}
	require.NotEqual(t, id(""), id(""))
}

func TestRawUploads(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r *httpserver.Router) {
		route := post("/upload")
		route.MaxBody = 10
		httpserver.Raw(r, route, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				httpserver.WriteProblem(w, r, fmt.Errorf("read the upload: %w", err))
				return
			}
			_, _ = w.Write(body)
		})
	})
	var got []byte
	s.Do(t, "POST", "/v1/users/upload", "", []byte("0123456789"), &got)
	require.Equal(t, "0123456789", string(got))
	requireProblem(t, s.Do(t, "POST", "/v1/users/upload", "", []byte("0123456789a"), nil), 413, "too-large")
}
