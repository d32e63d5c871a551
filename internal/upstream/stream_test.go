package upstream_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
)

var noLog = slog.New(slog.DiscardHandler)

// live is a process whose module has a stream.
type live struct {
	URL    string
	server *httpserver.Server
	events chan httpserver.Event
	ended  chan struct{}
}

func newLive(t *testing.T) *live {
	t.Helper()
	l := &live{events: make(chan httpserver.Event), ended: make(chan struct{}, 1)}
	l.server = httpserver.New(httpserver.Options{Verifier: auth.NewVerifier("i", "a", time.Now), Log: noLog, Registerer: prometheus.NewRegistry()})
	httpserver.Raw(l.server.Router("users", []string{prefix}, nil), httpserver.Route{
		Method: "GET", Path: prefix + "/stream", ID: "stream", Summary: "Stream", Permission: auth.Public,
	}, func(w http.ResponseWriter, r *http.Request) {
		httpserver.Stream(w, r, func(ctx context.Context, last string) (<-chan httpserver.Event, error) {
			context.AfterFunc(ctx, func() { l.ended <- struct{}{} })
			return l.events, nil
		})
	})
	listener, err := l.server.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), soon)
		defer cancel()
		require.NoError(t, listener.Stop(ctx, 0))
	})
	l.URL = listener.URL()
	return l
}

// block reads one event.
func block(t *testing.T, from *bufio.Reader) string {
	t.Helper()
	var text strings.Builder
	for {
		line, err := from.ReadString('\n')
		require.NoError(t, err)
		if line == "\n" {
			return text.String()
		}
		text.WriteString(line)
	}
}

// Events go through two processes as they come, and a stream that ends at any
// place ends everywhere.
func TestEventsThroughTwoProcesses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end    func(first, second *front, l *live, res *http.Response)
		gently bool
	}{
		"the client goes":         {func(_, _ *front, _ *live, res *http.Response) { _ = res.Body.Close() }, false},
		"the first process stops": {func(first, _ *front, _ *live, _ *http.Response) { first.Server.Drain() }, true},
		"the second stops":        {func(_, second *front, _ *live, _ *http.Response) { second.Server.Drain() }, true},
		"the module stops":        {func(_, _ *front, l *live, _ *http.Response) { l.server.Drain() }, true},
		"there are no more":       {func(_, _ *front, l *live, _ *http.Response) { close(l.events) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLive(t)
			second := newFront(t, []string{l.URL})
			first := newFront(t, []string{second.URL})
			res := first.open(t, "GET", "/stream", nil, header{"Accept-Encoding": "gzip"})
			defer func() { _ = res.Body.Close() }()
			require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
			require.Empty(t, res.Header.Get("Content-Encoding"))
			require.Equal(t, "no", res.Header.Get("X-Accel-Buffering"))
			lines := bufio.NewReader(res.Body)
			require.Equal(t, "retry: 1000\n", block(t, lines))
			for _, id := range []string{"1", "2", "3"} { // each is there before the next is sent
				l.events <- httpserver.Event{ID: id, Data: id}
				require.Equal(t, "id: "+id+"\ndata: \""+id+"\"\n", block(t, lines))
			}
			test.end(first, second, l, res)
			select {
			case <-l.ended:
			case <-time.After(soon):
				t.Fatal("the module's stream has not ended")
			}
			if test.gently {
				rest, err := io.ReadAll(lines)
				require.NoError(t, err)
				require.Empty(t, rest)
			}
			for _, f := range []*front{first, second} {
				f.comesTo(t, 0, "lyceum_upstream_in_flight", "")
			}
		})
	}
}

// A process that stops does not wait for the other's streams.
func TestStoppingEndsStreams(t *testing.T) {
	t.Parallel()
	l := newLive(t)
	f := newFront(t, []string{l.URL})
	res := f.open(t, "GET", "/stream", nil)
	defer func() { _ = res.Body.Close() }()
	require.Equal(t, "retry: 1000\n", block(t, bufio.NewReader(res.Body)))
	f.Stop()
	<-l.ended
}
