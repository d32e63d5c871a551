package httpserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/lyceum-lms/platform/internal/problem"
)

// heartbeat keeps proxies from taking a quiet stream for a dead one.
const heartbeat = 15 * time.Second

// Event is one server-sent event.
type Event struct {
	// ID comes back as Last-Event-ID when the client reconnects. Empty: none.
	ID string
	// Name is the event's type; empty is "message".
	Name string
	// Data is sent as JSON.
	Data any
}

// Stream serves server-sent events from a raw handler: each event that arrives
// on the channel next returns is sent, until the channel is closed, the client
// goes, its access token expires or the server drains. next is called once, with a context that ends with
// the stream and with the client's Last-Event-ID, empty on a first connection;
// an error of next is answered as a problem.
func Stream(w http.ResponseWriter, r *http.Request, next func(ctx context.Context, lastEventID string) (<-chan Event, error)) {
	c := callOf(r.Context())
	if c == nil {
		http.Error(w, "a stream outside the server", http.StatusInternalServerError)
		return
	}
	s := c.server
	if !s.streams.enter() {
		WriteProblem(w, r, problem.New(problem.Unavailable, "overloaded", "Too many streams are open.").After(5*time.Second))
		return
	}
	defer s.streams.leave()
	// An open stream is idle: it gives its place among the requests back.
	c.release()
	c.release = func() {}

	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if !c.expires.IsZero() {
		// Nobody listens for longer than their token allows.
		defer time.AfterFunc(time.Until(c.expires), cancel).Stop()
	}
	defer context.AfterFunc(s.draining, cancel)()
	events, err := next(ctx, r.Header.Get("Last-Event-ID"))
	if err != nil {
		WriteProblem(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // or nginx collects events before it sends
	// After a drain, clients come back at once: another replica is ready.
	out := &eventWriter{w: w, control: http.NewResponseController(w)}
	if out.send([]byte("retry: 1000\n\n")) != nil {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			err = out.send([]byte(": \n\n"))
		case e, ok := <-events:
			if !ok {
				return
			}
			err = out.event(e)
		}
		if err != nil {
			c.clientGone = true
			return
		}
	}
}

type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (o *eventWriter) send(text []byte) error {
	// A connection without deadlines is not one of net/http's server.
	_ = o.control.SetWriteDeadline(time.Now().Add(stall))
	if _, err := o.w.Write(text); err != nil {
		return err
	}
	return o.control.Flush()
}

func (o *eventWriter) event(e Event) error {
	data, err := json.Marshal(e.Data) // has no line breaks
	if err != nil {
		return fmt.Errorf("encode event %s: %w", e.Name, err)
	}
	var text bytes.Buffer
	if e.ID != "" {
		fmt.Fprintf(&text, "id: %s\n", oneLine(e.ID))
	}
	if e.Name != "" {
		fmt.Fprintf(&text, "event: %s\n", oneLine(e.Name))
	}
	fmt.Fprintf(&text, "data: %s\n\n", data)
	return o.send(text.Bytes())
}

// oneLine keeps a field from ending early, or the event with it.
func oneLine(text string) string {
	return strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(text)
}
