package upstream_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/upstream"
)

var key = header{"Idempotency-Key": "k1"}

// Which requests are sent again, and after what: the number of times that the
// other process sees a request of which it answers the third one well.
func TestAnotherTry(t *testing.T) {
	t.Parallel()
	failures := map[string]func(http.ResponseWriter){
		"breaks off":   breakOff,
		"502":          func(w http.ResponseWriter) { say(w, 502, "") },
		"module moved": func(w http.ResponseWriter) { refuseWith(w, 503, "module-moved") },
		"504":          func(w http.ResponseWriter) { refuseWith(w, 504, "timeout") },
	}
	others := map[string]func(http.ResponseWriter){
		"overloaded": func(w http.ResponseWriter) { refuseWith(w, 503, "overloaded") },
		"500":        func(w http.ResponseWriter) { say(w, 500, "") },
		"429":        func(w http.ResponseWriter) { refuseWith(w, 429, "too-many") },
		"501":        func(w http.ResponseWriter) { say(w, 501, "") },
	}
	check := func(name string, fail func(http.ResponseWriter), method string, h header, want int64) {
		t.Run(strings.TrimSpace(fmt.Sprintf("%s %s %v", name, method, h)), func(t *testing.T) {
			t.Parallel()
			o := newOther(t, func(n int64, w http.ResponseWriter, _ *http.Request) {
				if n < 3 {
					fail(w)
				}
			})
			f := newFront(t, []string{o.URL})
			res := f.do(t, method, "", nil, h)
			require.Equal(t, want, o.seen.Load())
			require.Equal(t, want == 3, res.StatusCode == 200, res.Status)
			require.EqualValues(t, want-1, f.value(t, "lyceum_upstream_retries_total", ""))
		})
	}
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE"} {
		for name, fail := range failures {
			check(name, fail, method, nil, 3)
		}
	}
	for name, fail := range failures {
		for _, method := range []string{"POST", "PATCH"} {
			check(name, fail, method, nil, 1)
			check(name, fail, method, key, 3)
		}
	}
	for name, fail := range others {
		check(name, fail, "GET", nil, 1)
		check(name, fail, "POST", key, 1)
	}
}

// Nothing was sent, so even a POST may be sent elsewhere.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	o := newOther(t, func(_ int64, w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	large := pattern(3 << 20)
	for name, body := range map[string][]byte{"none": nil, "small": []byte("text"), "large": large} {
		f := newFront(t, []string{deadEnd(t), deadEnd(t), o.URL})
		res := f.do(t, "POST", "", reader(body))
		require.Equal(t, 200, res.StatusCode, name)
		require.True(t, bytes.Equal(body, res.Body), name)
	}

	f := newFront(t, []string{deadEnd(t), deadEnd(t)}, with(func(o *upstream.Options) { o.RetryFor = 200 * time.Millisecond }))
	for range 2 {
		res := f.do(t, "POST", "", strings.NewReader("text"))
		res.requireProblem(t, 503, "upstream-unavailable")
		require.Equal(t, "1", res.Header.Get("Retry-After"))
	}
	f.comesTo(t, 2, "lyceum_upstream_requests_total", "unavailable")
}

func TestTheTargetThatWorksIsKept(t *testing.T) {
	t.Parallel()
	moved := newOther(t, func(_ int64, w http.ResponseWriter, _ *http.Request) { refuseWith(w, 503, "module-moved") })
	here := newOther(t, func(int64, http.ResponseWriter, *http.Request) {})
	f := newFront(t, []string{moved.URL, here.URL})
	// A request that must not be sent twice still shows the way to the next one.
	require.Equal(t, 503, f.do(t, "POST", "", nil).StatusCode)
	for range 5 {
		require.Equal(t, 200, f.do(t, "POST", "", nil).StatusCode)
	}
	require.EqualValues(t, 1, moved.seen.Load())
	require.EqualValues(t, 5, here.seen.Load())
}

// A process that sheds load must not be sent more of it, but another may have
// room.
func TestOverloadIsNotMetWithMore(t *testing.T) {
	t.Parallel()
	busy := func(_ int64, w http.ResponseWriter, _ *http.Request) { refuseWith(w, 503, "overloaded") }
	a, b := newOther(t, busy), newOther(t, busy)
	f := newFront(t, []string{a.URL, b.URL})
	res := f.do(t, "GET", "", nil)
	require.Equal(t, 503, res.StatusCode)
	require.JSONEq(t, `{"type":"/problems/overloaded"}`, string(res.Body))
	require.Equal(t, "1", res.Header.Get("Retry-After"))
	require.EqualValues(t, 1, a.seen.Load())
	require.EqualValues(t, 1, b.seen.Load())

	free := newOther(t, func(int64, http.ResponseWriter, *http.Request) {})
	f = newFront(t, []string{a.URL, free.URL})
	require.Equal(t, 200, f.do(t, "GET", "", nil).StatusCode)
}

// The other process is restarted while requests wait for it.
func TestARestartIsWaitedFor(t *testing.T) {
	t.Parallel()
	target := deadEnd(t)
	f := newFront(t, []string{target})
	answers := make(chan answered)
	for _, method := range []string{"GET", "POST"} {
		go func() { answers <- f.do(t, method, "", strings.NewReader(method)) }()
	}
	require.Eventually(t, func() bool { return f.value(t, "lyceum_upstream_retries_total", "") >= 2 }, soon, time.Millisecond)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", strings.TrimPrefix(target, "http://"))
	require.NoError(t, err)
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }), ReadTimeout: soon}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	for range 2 {
		res := <-answers
		require.Equal(t, 200, res.StatusCode, "%s", res.Body)
	}
}

// When a module has been away for some time, nobody waits for it any more; and
// when it is back, nobody needs to be told.
func TestALongOutageIsAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	o := newOther(t, func(n int64, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Test-Well") == "" {
			say(w, 503, "gone")
		}
	})
	f := newFront(t, []string{o.URL}, with(func(o *upstream.Options) { o.RetryFor = 300 * time.Millisecond }))
	require.Equal(t, 503, f.do(t, "GET", "", nil).StatusCode)
	require.Greater(t, o.seen.Load(), int64(1))
	require.Eventually(t, func() bool {
		before := o.seen.Load()
		for range 5 {
			res := f.do(t, "GET", "", nil)
			require.Equal(t, 503, res.StatusCode)
			require.Equal(t, "gone", string(res.Body))
		}
		return o.seen.Load() == before+5
	}, soon, time.Millisecond, "they are not tried once each")
	require.Equal(t, 200, f.do(t, "GET", "", nil, header{"Test-Well": "1"}).StatusCode)
	before := o.seen.Load()
	require.Equal(t, 503, f.do(t, "GET", "", nil).StatusCode)
	require.Greater(t, o.seen.Load(), before+1, "a new outage is waited for again")
}

func TestABodyIsSentAgain(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"tiny": 1, "small": 4 << 10, "the largest that is kept": 1 << 20} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " chunked ", chunked), func(t *testing.T) {
				t.Parallel()
				body := pattern(size)
				o := newOther(t, func(n int64, w http.ResponseWriter, r *http.Request) {
					got, err := io.ReadAll(r.Body)
					if n < 3 || err != nil || r.ContentLength != int64(size) || !bytes.Equal(body, got) {
						breakOff(w)
					}
				})
				f := newFront(t, []string{o.URL})
				var from io.Reader = bytes.NewReader(body)
				if chunked {
					from = io.MultiReader(from)
				}
				require.Equal(t, 200, f.do(t, "PUT", "", from).StatusCode)
				require.EqualValues(t, 3, o.seen.Load())
			})
		}
	}
}

// What has been read of a larger body is gone.
func TestALargeBodyIsSentOnce(t *testing.T) {
	t.Parallel()
	for _, chunked := range []bool{false, true} {
		o := newOther(t, func(n int64, w http.ResponseWriter, r *http.Request) {
			if _, err := io.CopyN(io.Discard, r.Body, 1<<20+1000); err == nil {
				breakOff(w)
			}
		})
		f := newFront(t, []string{o.URL})
		var from io.Reader = bytes.NewReader(pattern(8 << 20))
		if chunked {
			from = io.MultiReader(from)
		}
		f.do(t, "PUT", "", from).requireProblem(t, 502, "upstream-failed")
		require.EqualValues(t, 1, o.seen.Load())
	}
}

// The answer that comes last is passed on as it is, whatever it says.
func TestTheLastAnswerPassesUnchanged(t *testing.T) {
	t.Parallel()
	o := newOther(t, func(n int64, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "7")
		say(w, 503, fmt.Sprintf(`{"type":"/problems/module-moved","detail":"%d"}`, n))
	})
	f := newFront(t, []string{o.URL}, with(func(o *upstream.Options) { o.RetryFor = 200 * time.Millisecond }))
	res := f.do(t, "GET", "", nil)
	require.Equal(t, 503, res.StatusCode)
	require.Equal(t, "7", res.Header.Get("Retry-After"))
	require.Equal(t, fmt.Sprintf(`{"type":"/problems/module-moved","detail":"%d"}`, o.seen.Load()), string(res.Body))

	// One that is too large to be put aside is the last.
	huge := strings.Repeat("x", 200<<10)
	o = newOther(t, func(_ int64, w http.ResponseWriter, _ *http.Request) { say(w, 503, huge) })
	f = newFront(t, []string{o.URL})
	res = f.do(t, "GET", "", nil)
	require.Equal(t, 503, res.StatusCode)
	require.Equal(t, huge, string(res.Body))
	require.EqualValues(t, 1, o.seen.Load())
}

// An idle connection that the other process closes is not the client's trouble.
func TestAStaleConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	o := newRaw(t, func(int64) string { return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" }) // closes, and does not say so
	f := newFront(t, []string{o.URL})
	for range 20 {
		require.Equal(t, 200, f.do(t, "PUT", "", strings.NewReader("body")).StatusCode)
	}
}

// Who is called at night finds in the log when it began, why, and when it was
// over; not a line for each request.
func TestAnOutageIsLoggedOnce(t *testing.T) {
	t.Parallel()
	o := newOther(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Test-Well") == "" {
			refuseWith(w, 503, "module-moved")
		}
	})
	var log bytes.Buffer
	f := newFront(t, []string{o.URL}, with(func(o *upstream.Options) {
		o.RetryFor, o.Log = time.Second, slog.New(slog.NewTextHandler(&log, nil))
	}))
	for range 3 {
		require.Equal(t, 503, f.do(t, "GET", "", nil).StatusCode)
	}
	for range 3 {
		require.Equal(t, 200, f.do(t, "GET", "", nil, header{"Test-Well": "1"}).StatusCode)
	}
	f.Stop()
	require.Equal(t, 1, strings.Count(log.String(), "no target serves requests"), log.String())
	require.Contains(t, log.String(), `upstream=users last="503 Service Unavailable"`)
	require.Equal(t, 1, strings.Count(log.String(), "requests are answered here now"), log.String())
}
