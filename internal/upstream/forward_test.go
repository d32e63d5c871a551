package upstream_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/upstream"
)

func TestRequestAndAnswerPassUnchanged(t *testing.T) {
	t.Parallel()
	var got *http.Request
	o := newOther(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
		got = r.Clone(context.WithoutCancel(r.Context()))
		h := w.Header()
		h.Set("Content-Type", "application/problem+json")
		h.Set("ETag", `"7"`)
		h.Set("Content-Security-Policy", "default-src 'self'")
		h.Set("X-Request-Id", "another")
		h.Set("Access-Control-Allow-Origin", "https://evil.example")
		h.Add("Set-Cookie", "a=1")
		h.Add("Set-Cookie", "b=2")
		say(w, 409, `{"type":"/problems/attempt-closed"}`)
	})
	f := newFront(t, []string{o.URL})
	const target = "/a%2Fb/%C3%A4?q=a+b&sig=%2B%2F%3D&q=c"
	res := f.do(t, "PATCH", target, strings.NewReader("text"), header{"Authorization": "Bearer x", "If-Match": `"6"`, "Accept-Language": "de"})
	require.Equal(t, prefix+target, got.RequestURI)
	require.Equal(t, "PATCH", got.Method)
	require.Equal(t, strings.TrimPrefix(o.URL, "http://"), got.Host)
	for name, value := range map[string]string{"Authorization": "Bearer x", "If-Match": `"6"`, "Accept-Language": "de"} {
		require.Equal(t, value, got.Header.Get(name))
	}
	require.EqualValues(t, 4, got.ContentLength)
	require.NotEmpty(t, got.Header.Get("User-Agent"))

	require.Equal(t, 409, res.StatusCode)
	require.Equal(t, `{"type":"/problems/attempt-closed"}`, string(res.Body))
	require.Equal(t, `"7"`, res.Header.Get("ETag"))
	require.Equal(t, []string{"a=1", "b=2"}, res.Header.Values("Set-Cookie"))
	require.Equal(t, []string{"default-src 'self'"}, res.Header.Values("Content-Security-Policy"), "a document's own word goes first")
	require.Equal(t, []string{"nosniff"}, res.Header.Values("X-Content-Type-Options"))
	require.Empty(t, res.Header.Values("Access-Control-Allow-Origin"), "who may read it is for this process to say")
	require.Equal(t, []string{got.Header.Get("X-Request-Id")}, res.Header.Values("X-Request-Id"))
	require.NotEqual(t, "another", res.Header.Get("X-Request-Id"))
	f.comesTo(t, 1, "lyceum_upstream_requests_total", "answered")
	f.comesTo(t, 1, "lyceum_upstream_seconds", "")
	f.comesTo(t, 0, "lyceum_upstream_in_flight", "")
}

func TestHeadersForOneHopStayThere(t *testing.T) {
	t.Parallel()
	var got http.Header
	o := newOther(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		h := w.Header()
		h.Set("Connection", "X-Hop")
		h.Set("X-Hop", "1")
		h.Set("Proxy-Authenticate", "Basic")
		h.Set("Keep-Alive", "timeout=5")
	})
	f := newFront(t, []string{o.URL})
	res := f.do(t, "GET", "", nil, header{
		"Connection": "X-Mine, Upgrade", "X-Mine": "1", "Upgrade": "websocket", "Proxy-Authorization": "Basic eA==", "Te": "gzip",
	})
	require.Equal(t, 200, res.StatusCode)
	for _, name := range []string{"Connection", "X-Mine", "Upgrade", "Proxy-Authorization", "Te", "Expect"} {
		require.Empty(t, got.Values(name), name)
	}
	for _, name := range []string{"X-Hop", "Proxy-Authenticate", "Keep-Alive"} {
		require.Empty(t, res.Header.Values(name), name)
	}
}

// What a client says of itself is believed if a trusted proxy has passed it on.
func TestWhoseRequestItIs(t *testing.T) {
	t.Parallel()
	var got http.Header
	o := newOther(t, func(_ int64, _ http.ResponseWriter, r *http.Request) { got = r.Header.Clone() })
	claims := header{"X-Forwarded-For": "198.51.100.7, 203.0.113.9", "X-Forwarded-Host": "lyceum.example", "X-Forwarded-Proto": "https",
		"X-Forwarded-Prefix": "/evil", "X-Real-Ip": "198.51.100.7", "Forwarded": "for=198.51.100.7", "X-Request-Id": "from-outside"}
	f := newFront(t, []string{o.URL})
	f.do(t, "GET", "", nil, claims)
	require.Equal(t, []string{"127.0.0.1"}, got.Values("X-Forwarded-For"))
	require.Equal(t, []string{strings.TrimPrefix(f.URL, "http://")}, got.Values("X-Forwarded-Host"))
	require.Equal(t, []string{"http"}, got.Values("X-Forwarded-Proto"))
	require.Equal(t, "from-outside", got.Get("X-Request-Id"))
	for _, name := range []string{"X-Forwarded-Prefix", "X-Real-Ip", "Forwarded"} {
		require.Empty(t, got.Values(name), name)
	}

	f = newFront(t, []string{o.URL}, serving(func(o *httpserver.Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}))
	f.do(t, "GET", "", nil, claims)
	require.Equal(t, []string{"203.0.113.9"}, got.Values("X-Forwarded-For"), "what stands before it is the client's own word")
	require.Equal(t, []string{"lyceum.example"}, got.Values("X-Forwarded-Host"))
	require.Equal(t, []string{"https"}, got.Values("X-Forwarded-Proto"))
	f.do(t, "GET", "", nil, header{"X-Forwarded-Host": "a.example, b.example", "X-Forwarded-Proto": "gopher"})
	require.Equal(t, []string{strings.TrimPrefix(f.URL, "http://")}, got.Values("X-Forwarded-Host"), "a list names nobody")
	require.Equal(t, []string{"http"}, got.Values("X-Forwarded-Proto"))
}

// It changes the process's tracer provider, so it does not run beside others.
func TestTheTraceGoesOn(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	provider, propagator := otel.GetTracerProvider(), otel.GetTextMapPropagator()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	t.Cleanup(func() { otel.SetTracerProvider(provider); otel.SetTextMapPropagator(propagator) })
	var got []string
	o := newOther(t, func(n int64, w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Traceparent"))
		if n == 1 {
			say(w, 502, "")
		}
	})
	f := newFront(t, []string{o.URL})
	f.do(t, "GET", "/x", nil, header{"Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
	f.Stop()
	ended := spans.Ended()
	require.Len(t, ended, 3)
	server := ended[2]
	require.Equal(t, "GET "+prefix, server.Name())
	for i, try := range ended[:2] {
		require.Equal(t, "forward users", try.Name())
		require.Equal(t, server.SpanContext().SpanID(), try.Parent().SpanID())
		require.Equal(t, fmt.Sprintf("00-0af7651916cd43dd8448eb211c80319c-%s-01", try.SpanContext().SpanID()), got[i])
	}
	require.Equal(t, codes.Error, ended[0].Status().Code)
	require.Equal(t, codes.Unset, ended[1].Status().Code)
}

func TestWhatIsNoAnswer(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":                "",
		"another protocol":       "SSH-2.0-OpenSSH_9.6\r\n",
		"half a header":          "HTTP/1.1 200 OK\r\nContent-Le",
		"a huge header":          "HTTP/1.1 200 OK\r\nX-Huge: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
		"many headers":           "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Many: x\r\n", 100_000) + "\r\n",
		"two lengths":            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
		"informational for ever": strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 100),
		"a switch of protocols":  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"a nameless switch":      "HTTP/1.1 101 Switching Protocols\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newRaw(t, func(int64) string { return text })
			f := newFront(t, []string{o.URL})
			f.do(t, "POST", "", strings.NewReader("text")).requireProblem(t, 502, "upstream-failed")
			require.EqualValues(t, 1, o.seen.Load(), "it may have been done: it is not sent again")
			f.comesTo(t, 1, "lyceum_upstream_requests_total", "failed")
		})
	}
}

func TestAnAnswerThatBreaksOffIsNotTakenForAWholeOne(t *testing.T) {
	t.Parallel()
	for _, text := range map[string]string{
		"by length": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
		"in chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
		"bad chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
	} {
		o := newRaw(t, func(int64) string { return text })
		f := newFront(t, []string{o.URL})
		f.requireCut(t)
		f.comesTo(t, 1, "lyceum_upstream_requests_total", "cut")
		require.EqualValues(t, 1, o.seen.Load(), "there is no other try after the first byte")
	}
}

// requireCut sees an answer break off, before its header if that was not sent
// yet.
func (f *front) requireCut(t *testing.T) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL+prefix, nil)
	require.NoError(t, err)
	res, err := f.client.Do(req)
	if err != nil {
		require.ErrorIs(t, err, io.EOF)
		return
	}
	require.Equal(t, 200, res.StatusCode)
	got, err := io.ReadAll(res.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, "half", string(got))
	require.NoError(t, res.Body.Close())
}

func TestWhoKeepsARequestWaiting(t *testing.T) {
	t.Parallel()
	short := with(func(o *upstream.Options) { o.RequestTimeout = 100 * time.Millisecond })
	// Long enough for the answer to begin on a machine that is busy.
	longer := with(func(o *upstream.Options) { o.RequestTimeout = 3 * time.Second })
	wait := func(r *http.Request) { <-r.Context().Done() }
	t.Run("before the header", func(t *testing.T) {
		t.Parallel()
		for _, body := range []int{0, 10, 2 << 20} {
			o := newOther(t, func(_ int64, _ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				wait(r)
			})
			f := newFront(t, []string{o.URL}, short)
			f.do(t, "PUT", "", reader(pattern(body))).requireProblem(t, 504, "upstream-timeout")
			require.EqualValues(t, 1, o.seen.Load())
			f.comesTo(t, 1, "lyceum_upstream_requests_total", "timeout")
		}
	})
	for name, length := range map[string]string{"within a short answer": "100", "within a long one": "100000000", "within one of any length": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOther(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
				if length != "" {
					w.Header().Set("Content-Length", length)
				}
				say(w, 200, "half")
				_ = http.NewResponseController(w).Flush()
				wait(r)
			})
			f := newFront(t, []string{o.URL}, longer)
			f.requireCut(t)
			f.comesTo(t, 1, "lyceum_upstream_requests_total", "cut")
		})
	}
	t.Run("a long answer that moves takes as long as it likes", func(t *testing.T) {
		t.Parallel()
		next := make(chan struct{})
		o := newOther(t, func(_ int64, w http.ResponseWriter, _ *http.Request) {
			for range next {
				_, _ = io.WriteString(w, "more")
				_ = http.NewResponseController(w).Flush()
			}
		})
		f := newFront(t, []string{o.URL}, with(func(o *upstream.Options) { o.RequestTimeout = time.Second }))
		go func() { next <- struct{}{} }()
		res := f.open(t, "GET", "", nil)
		tick := time.NewTicker(150 * time.Millisecond)
		defer tick.Stop()
		buffer := make([]byte, 4)
		for range 10 { // one and a half times its time
			_, err := io.ReadFull(res.Body, buffer)
			require.NoError(t, err)
			<-tick.C
			next <- struct{}{}
		}
		close(next)
		require.NoError(t, res.Body.Close())
	})
}

// A client that goes takes its request along.
func TestTheClientGoes(t *testing.T) {
	t.Parallel()
	begun, ended := make(chan struct{}), make(chan struct{})
	o := newOther(t, func(_ int64, _ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		begun <- struct{}{}
		<-r.Context().Done()
		ended <- struct{}{}
	})
	f := newFront(t, []string{o.URL, o.URL})
	for _, method := range []string{"GET", "POST"} {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, method, f.URL+prefix, strings.NewReader("text"))
		require.NoError(t, err)
		go func() { <-begun; cancel() }()
		_, err = f.client.Do(req)
		require.ErrorIs(t, err, context.Canceled)
		<-ended
	}
	f.comesTo(t, 2, "lyceum_upstream_requests_total", "client")
	require.EqualValues(t, 2, o.seen.Load(), "nothing is tried again for a client that has gone")

	// While it waits for another try.
	f = newFront(t, []string{deadEnd(t)})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL+prefix, nil)
	require.NoError(t, err)
	gone := make(chan error)
	go func() { _, err := f.client.Do(req); gone <- err }()
	require.Eventually(t, func() bool { return f.value(t, "lyceum_upstream_retries_total", "") > 0 }, soon, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-gone, context.Canceled)
	f.comesTo(t, 1, "lyceum_upstream_requests_total", "client")
}

func TestPlacesAreBounded(t *testing.T) {
	t.Parallel()
	inside, release := make(chan struct{}), make(chan struct{})
	o := newOther(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/stream") {
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
		}
		inside <- struct{}{}
		<-release
	})
	f := newFront(t, []string{o.URL}, with(func(o *upstream.Options) { o.MaxInFlight, o.MaxStreams = 1, 1 }))
	done := make(chan int)
	get := func(path string) {
		go func() { done <- f.do(t, "GET", path, nil).StatusCode }()
		<-inside
	}
	get("/stream") // gives its place among the requests back
	f.comesTo(t, 1, "lyceum_upstream_in_flight", "stream")
	f.comesTo(t, 0, "lyceum_upstream_in_flight", "request")
	get("/plain")
	res := f.do(t, "GET", "/plain", nil)
	res.requireProblem(t, 503, "overloaded")
	require.Equal(t, "1", res.Header.Get("Retry-After"))
	f.comesTo(t, 1, "lyceum_upstream_requests_total", "shed")
	release <- struct{}{}
	release <- struct{}{}
	require.Equal(t, []int{200, 200}, []int{<-done, <-done})

	get("/stream")
	f.comesTo(t, 1, "lyceum_upstream_in_flight", "stream")
	go func() { <-inside }()
	f.do(t, "GET", "/stream", nil).requireProblem(t, 503, "overloaded")
	f.do(t, "PUT", "/plain", reader(pattern(2<<20))).requireProblem(t, 503, "overloaded")
	close(release)
	require.Equal(t, 200, <-done)
	f.comesTo(t, 0, "lyceum_upstream_in_flight", "")
}

// A body that has not come holds no place, and no connection to the other
// process.
func TestASlowBodyHoldsNothing(t *testing.T) {
	t.Parallel()
	o := newOther(t, func(_ int64, w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	f := newFront(t, []string{o.URL}, with(func(o *upstream.Options) { o.MaxInFlight = 1 }))
	body, feed := io.Pipe()
	done := make(chan answered)
	go func() { done <- f.do(t, "POST", "", body) }()
	_, err := io.WriteString(feed, "slow")
	require.NoError(t, err)
	require.Equal(t, 200, f.do(t, "GET", "", nil).StatusCode)
	require.EqualValues(t, 1, o.seen.Load())
	require.NoError(t, feed.Close())
	require.Equal(t, "slow", string((<-done).Body))

	// One that never comes to its end.
	conn := dial(t, f)
	_, err = io.WriteString(conn, "POST "+prefix+" HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	answered{res, raw}.requireProblem(t, 400, "incomplete-body")
	require.EqualValues(t, 2, o.seen.Load())
}

func dial(t *testing.T, f *front) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(f.URL, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(soon)))
	return conn
}

// A large upload and its answer go both ways at once.
func TestStreamsGoBothWays(t *testing.T) {
	t.Parallel()
	o := newOther(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		buffer := make([]byte, 64<<10)
		for {
			n, err := r.Body.Read(buffer)
			_, _ = w.Write(buffer[:n])
			_ = control.Flush()
			if err != nil {
				return
			}
		}
	})
	f := newFront(t, []string{o.URL})
	for name, h := range map[string]header{"of any length": nil} {
		body, feed := io.Pipe()
		go func() { _, _ = feed.Write(pattern(2 << 20)) }()
		res := f.open(t, "POST", "", body, h)
		got := make([]byte, 2<<20)
		_, err := io.ReadFull(res.Body, got)
		require.NoError(t, err, name)
		require.True(t, bytes.Equal(pattern(2<<20), got), name)
		go func() { _, _ = io.WriteString(feed, "the end"); _ = feed.Close() }() // only now
		rest, err := io.ReadAll(res.Body)
		require.NoError(t, err, name)
		require.Equal(t, "the end", string(rest), name)
		require.NoError(t, res.Body.Close())
	}
	f.comesTo(t, 1, "lyceum_upstream_requests_total", "answered")
	f.comesTo(t, 0, "lyceum_upstream_in_flight", "")
}

// What is left of a body that was answered before its end is never another
// request.
func TestALeftBodyIsNoRequest(t *testing.T) {
	t.Parallel()
	const smuggled = "GET " + prefix + "/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	body := bytes.Repeat([]byte(smuggled), 1+(2<<20)/len(smuggled))
	for name, answer := range map[string]func(w http.ResponseWriter){
		"refused": func(w http.ResponseWriter) { refuseWith(w, 413, "too-large") }, "broken off": breakOff,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			paths := make(chan string, 1000)
			o := newOther(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
				paths <- r.URL.Path
				answer(w)
			})
			f := newFront(t, []string{o.URL})
			before := []int{0, len(smuggled), 1000 * len(smuggled), len(body) - len(smuggled)}
			if name == "broken off" {
				before = []int{len(body)} // the transport does not notice before the client has sent on
			}
			for _, n := range before {
				conn := dial(t, f)
				_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", prefix, len(body))
				require.NoError(t, err)
				_, _ = conn.Write(body[:n]) // may meet a connection that has been closed already
				from := bufio.NewReader(conn)
				if res, err := http.ReadResponse(from, nil); err == nil {
					require.GreaterOrEqual(t, res.StatusCode, 400)
					_, _ = io.ReadAll(res.Body)
				}
				_, _ = conn.Write(body[n:])
				_ = conn.(*net.TCPConn).CloseWrite()
				_, err = http.ReadResponse(from, nil)
				require.Error(t, err, "there is one answer, since there was one request")
			}
			f.comesTo(t, float64(len(before)), "lyceum_upstream_requests_total", "")
			for len(paths) > 0 {
				require.Equal(t, prefix, <-paths)
			}
		})
	}
}

// The other process refuses an upload half-way, and the client learns why.
func TestAnUploadThatIsRefusedEarly(t *testing.T) {
	t.Parallel()
	o := newOther(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
		refuseWith(w, 413, "too-large")
	})
	f := newFront(t, []string{o.URL})
	body, feed := io.Pipe()
	fed := make(chan struct{})
	go func() { _, _ = feed.Write(pattern(2 << 20)); close(fed) }() // it may not get rid of all
	res := f.do(t, "POST", "", body)
	require.Equal(t, 413, res.StatusCode)
	require.JSONEq(t, `{"type":"/problems/too-large"}`, string(res.Body))
	require.NoError(t, feed.Close())
	<-fed
	f.comesTo(t, 0, "lyceum_upstream_in_flight", "")
}

func TestAnUploadWhoseClientGoes(t *testing.T) {
	t.Parallel()
	failed := make(chan error, 1)
	o := newOther(t, func(_ int64, _ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		failed <- err
	})
	f := newFront(t, []string{o.URL})
	conn := dial(t, f)
	_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", prefix, 4<<20)
	require.NoError(t, err)
	_, err = conn.Write(pattern(2 << 20))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Error(t, <-failed, "half a body is not taken for a whole one")
	f.comesTo(t, 1, "lyceum_upstream_requests_total", "client")
	require.EqualValues(t, 1, o.seen.Load())
}

// A client that waits to be told to send is told, and informational answers of
// the other process do not wipe out what this one has to say.
func TestInformationalAnswers(t *testing.T) {
	t.Parallel()
	o := newOther(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(http.StatusEarlyHints)
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n, r.Header.Get("Expect"))
	})
	f := newFront(t, []string{o.URL})
	for _, size := range []int{10, 2 << 20} {
		res := f.do(t, "POST", "", reader(pattern(size)), header{"Expect": "100-continue"})
		require.Equal(t, 200, res.StatusCode)
		require.Equal(t, fmt.Sprint(size), string(res.Body))
		require.NotEmpty(t, res.Header.Get("X-Request-Id"))
		require.NotEmpty(t, res.Header.Get("X-Content-Type-Options"))
	}
}

// Whether to compress is decided where the answer comes from.
func TestCompressionIsLeftAlone(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Repeat(rand.Text(), 1000))
	o := newOther(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Accept-Encoding") == "gzip" && r.URL.Query().Has("zip") {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(text)
			_ = z.Close()
			return
		}
		_, _ = w.Write(text)
	})
	f := newFront(t, []string{o.URL})
	res := f.do(t, "GET", "?zip", nil, header{"Accept-Encoding": "gzip"})
	require.Equal(t, []string{"gzip"}, res.Header.Values("Content-Encoding"))
	z, err := gzip.NewReader(bytes.NewReader(res.Body))
	require.NoError(t, err)
	plain, err := io.ReadAll(z)
	require.NoError(t, err)
	require.True(t, bytes.Equal(text, plain))
	for _, accept := range []string{"gzip", "identity"} {
		res = f.do(t, "GET", "", nil, header{"Accept-Encoding": accept})
		require.Empty(t, res.Header.Values("Content-Encoding"))
		require.True(t, bytes.Equal(text, res.Body))
	}
}

func TestACircleIsFound(t *testing.T) {
	t.Parallel()
	// Each process must know the other's address before it listens.
	ring := func(n int) []*front {
		relays := make([]*other, n)
		fronts := make([]*front, n)
		for i := range relays {
			relays[i] = newOther(t, func(_ int64, w http.ResponseWriter, r *http.Request) { fronts[i].Server.Handler().ServeHTTP(w, r) })
		}
		for i := range fronts {
			fronts[i] = newFront(t, []string{relays[(i+1)%n].URL})
		}
		return fronts
	}
	for n := 1; n <= 3; n++ {
		fronts := ring(n)
		for _, method := range []string{"GET", "POST"} {
			fronts[0].do(t, method, "", strings.NewReader("text")).requireProblem(t, 508, "upstream-loop")
		}
		fronts[0].comesTo(t, 2, "lyceum_upstream_requests_total", "loop")
	}

	// Another process's mark, or a client's, is none of ours.
	o := newOther(t, func(_ int64, w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Join(r.Header.Values("Via"), ", "))
	})
	f := newFront(t, []string{o.URL})
	res := f.do(t, "GET", "", nil, header{"Via": "1.0 fred, 1.1 lyceum-other (a comment), broken"})
	require.Regexp(t, `^1\.0 fred, 1\.1 lyceum-other \(a comment\), broken, 1\.1 lyceum-[a-z0-9]{12}$`, string(res.Body))
	f.do(t, "GET", "", nil, header{"Via": strings.Repeat("1.1 x,", 16) + "1.1 x"}).requireProblem(t, 508, "upstream-loop")
}

func TestAForwarderThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	o := upstream.Options{Module: "users", Log: noLog, Registerer: prometheus.NewRegistry()}
	_, err := upstream.New(o)
	require.ErrorContains(t, err, "no URL says where it runs")
	for _, bad := range []string{"users:8080", "ftp://a", "http://", "http://:80", "http://a/base", "http://a?x=1", "http://a#x", "http://me:hush@a"} {
		u, err := url.Parse(bad)
		require.NoError(t, err)
		o.Targets = []*url.URL{u}
		_, err = upstream.New(o)
		require.ErrorContains(t, err, "forward users: ", bad)
		require.NotContains(t, err.Error(), "hush")
	}
	o.Targets = []*url.URL{{Scheme: "https", Host: "a"}}
	_, err = upstream.New(o)
	require.NoError(t, err)
	_, err = upstream.New(o)
	require.ErrorContains(t, err, "register the metrics", "two of one module")
	_, err = upstream.New(upstream.Options{})
	require.Error(t, err)
}
