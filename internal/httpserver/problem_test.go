package httpserver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/httpserver"
	"github.com/lyceum-lms/platform/internal/httpserver/httpservertest"
	"github.com/lyceum-lms/platform/internal/problem"
)

type nameInput struct {
	Body struct {
		Name string   `json:"name" minLength:"1" maxLength:"10"`
		Age  *int     `json:"age,omitempty" minimum:"0" maximum:"150"`
		Tags []string `json:"tags,omitempty" maxItems:"2"`
	}
}

type nameOutput struct {
	Body struct {
		Name string `json:"name"`
	}
}

func echoName(_ context.Context, in *nameInput) (*nameOutput, error) {
	out := &nameOutput{}
	out.Body.Name = in.Body.Name
	return out, nil
}

func TestEveryWrongBodyIsAProblem(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r *httpserver.Router) {
		route := post("/names")
		route.MaxBody = 200
		httpserver.Handle(r, route, echoName)
	})
	for name, c := range map[string]struct {
		body   string
		status int
		reason string
		field  string
	}{
		"no body":                    {"", 400, "malformed-request", ""},
		"not JSON":                   {"{name", 400, "malformed-body", ""},
		"cut off":                    {`{"name":"a"`, 400, "malformed-body", ""},
		"trailing garbage":           {`{"name":"a"}x`, 400, "malformed-body", ""},
		"two values":                 {`{"name":"a"}{}`, 400, "malformed-body", ""},
		"a name twice":               {`{"name":"a","name":"b"}`, 400, "malformed-body", ""},
		"a name twice, once escaped": {`{"name":"a","\u006eame":"b"}`, 400, "malformed-body", ""},
		"invalid UTF-8":              {"{\"name\":\"\xff\"}", 400, "malformed-body", ""},
		"half a surrogate pair":      {`{"name":"\ud800"}`, 400, "malformed-body", ""},
		"a pair that is none":        {`{"name":"\ud800\u0041"}`, 400, "malformed-body", ""},
		"too deep":                   {strings.Repeat("[", 65) + strings.Repeat("]", 65), 400, "malformed-body", ""},
		"NUL":                        {`{"name":"a\u0000"}`, 422, "invalid-value", ""},
		"NUL in a name":              {`{"name":"a","\u0000":1}`, 422, "invalid-value", ""},
		"another case":               {`{"Name":"a"}`, 422, "invalid-request", "body.Name"},
		"both cases":                 {`{"name":"a","Name":"b"}`, 422, "invalid-request", "body.Name"},
		"unknown field":              {`{"name":"a","role":"admin"}`, 422, "invalid-request", "body.role"},
		"missing field":              {`{}`, 422, "invalid-request", "body"},
		"wrong type":                 {`{"name":1}`, 422, "invalid-request", "body.name"},
		"not an object":              {`[]`, 422, "invalid-request", "body"},
		"null":                       {`null`, 422, "invalid-request", "body"},
		"too long":                   {`{"name":"12345678901"}`, 422, "invalid-request", "body.name"},
		"out of range":               {`{"name":"a","age":151}`, 422, "invalid-request", "body.age"},
		"a number beyond 64 bits":    {`{"name":"a","age":1e400}`, 400, "malformed-request", "body"},
		"a fraction":                 {`{"name":"a","age":1.5}`, 422, "invalid-request", "body.age"},
		"too many":                   {`{"name":"a","tags":["1","2","3"]}`, 422, "invalid-request", "body.tags"},
		"too large":                  {`{"name":"` + strings.Repeat("a", 200) + `"}`, 413, "too-large", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := s.Do(t, "POST", "/v1/users/names", "", []byte(c.body), nil)
			p := requireProblem(t, res, c.status, c.reason)
			if c.field == "" {
				return
			}
			var fields []string
			for _, f := range p.Errors {
				fields = append(fields, f.Location)
			}
			require.Contains(t, fields, c.field)
		})
	}
	t.Run("as a form", func(t *testing.T) {
		t.Parallel()
		res := s.Do(t, "POST", "/v1/users/names", "", []byte("name=a"), nil, httpservertest.Header{Name: "Content-Type", Value: "application/x-www-form-urlencoded"})
		requireProblem(t, res, 415, "unsupported-media-type")
	})
	t.Run("compressed", func(t *testing.T) {
		t.Parallel()
		res := s.Do(t, "POST", "/v1/users/names", "", []byte("x"), nil, httpservertest.Header{Name: "Content-Encoding", Value: "gzip"})
		requireProblem(t, res, 400, "content-encoding")
	})
}

func TestARightBodyOfExactlyTheLimitIsTaken(t *testing.T) {
	t.Parallel()
	body := `{"name":"\ud83d\ude00\\u0000","tags":["name","name"]}`
	s := serve(t, func(r *httpserver.Router) {
		route := post("/names")
		route.MaxBody = int64(len(body))
		httpserver.Handle(r, route, echoName)
	})
	var out struct{ Name string }
	res := s.Do(t, "POST", "/v1/users/names", "", []byte(body), &out)
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "😀\\u0000", out.Name)
}

func TestWrongTargetsAreProblems(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r *httpserver.Router) {
		httpserver.Handle(r, get("/things/{id}"), func(context.Context, *struct {
			ID   uuid.UUID `path:"id" format:"uuid"`
			Name string    `query:"name"`
			httpserver.Page
		}) (*none, error) {
			return &none{}, nil
		})
	})
	id := uuid.NewString()
	for target, want := range map[string]string{
		"/v1/users/things/x":                            "422 invalid-request",
		"/v1/users/things/" + id + "?limit=0":           "422 invalid-request",
		"/v1/users/things/" + id + "?limit=201":         "422 invalid-request",
		"/v1/users/things/" + id + "?limit=x":           "422 invalid-request",
		"/v1/users/things/" + id + "?name=%00":          "422 invalid-value",
		"/v1/users/things/" + id + "?name=%ff":          "422 invalid-value",
		"/v1/users/things/" + id + "?name=%zz":          "400 malformed-url",
		"/v1/users/things/%00":                          "400 malformed-url",
		"/v1/users/nothing":                             "404 no-such-path",
		"/v1/users/things/" + id + "/":                  "404 no-such-path",
		"/v2/":                                          "404 no-such-path",
		"/v1/users/things/" + strings.Repeat("a", 9000): "422 invalid-request",
	} {
		status, reason, _ := strings.Cut(want, " ")
		n, err := strconv.Atoi(status)
		require.NoError(t, err)
		requireProblem(t, s.Do(t, "GET", target, "", nil, nil), n, reason)
	}
	res := s.Do(t, "DELETE", "/v1/users/things/"+id, "", nil, nil)
	requireProblem(t, res, 405, "method-not-allowed")
	require.Equal(t, "GET", res.Header.Get("Allow"))
	require.Equal(t, 204, s.Do(t, "GET", "/v1/users/things/"+id+"?name=%C3%A9", "", nil, nil).StatusCode)
}

func TestErrorsOfHandlers(t *testing.T) {
	t.Parallel()
	log := &lockedBuffer{}
	errs := map[string]error{
		"conflict": fmt.Errorf("submit: %w", problem.New(problem.Conflict, "attempt-closed", "It is closed.")),
		"busy":     problem.New(problem.TooMany, "slow-down", "Later.").After(1500 * time.Millisecond),
		"field":    problem.InvalidField("body.email", "no"),
		"bare":     &problem.Problem{Code: problem.NotFound},
		"internal": errors.New("secret-of-ours"),
		"lock":     fmt.Errorf("save: %w", &pgconn.PgError{Code: "55P03"}),
		"timeout":  fmt.Errorf("load: %w", context.DeadlineExceeded),
	}
	s := serve(t, func(r *httpserver.Router) {
		for name, err := range errs {
			httpserver.Handle(r, get("/handled/"+name), func(context.Context, *none) (*none, error) { return nil, err })
			httpserver.Raw(r, get("/raw/"+name), func(w http.ResponseWriter, r *http.Request) { httpserver.WriteProblem(w, r, err) })
		}
		httpserver.Raw(r, get("/raw/panic"), func(http.ResponseWriter, *http.Request) { panic("secret-of-ours") })
		httpserver.Handle(r, get("/handled/panic"), func(context.Context, *none) (*none, error) { panic("secret-of-ours") })
	}, httpservertest.WithOptions(func(o *httpserver.Options) { o.Log = slog.New(slog.NewTextHandler(log, nil)) }))
	for _, kind := range []string{"handled", "raw"} {
		do := func(name string) *http.Response { return s.Do(t, "GET", "/v1/users/"+kind+"/"+name, "", nil, nil) }
		p := requireProblem(t, do("conflict"), 409, "attempt-closed")
		require.Equal(t, "It is closed.", p.Detail)
		require.Equal(t, "Conflict", p.Title)
		res := do("busy")
		requireProblem(t, res, 429, "slow-down")
		require.Equal(t, "2", res.Header.Get("Retry-After"))
		p = requireProblem(t, do("field"), 422, "invalid-value")
		require.Equal(t, []problem.FieldError{{Location: "body.email", Message: "no"}}, p.Errors)
		requireProblem(t, do("bare"), 404, "not-found")
		res = do("lock")
		requireProblem(t, res, 503, "unavailable")
		require.Equal(t, "1", res.Header.Get("Retry-After"))
		requireProblem(t, do("timeout"), 504, "timeout")
		for _, name := range []string{"internal", "panic"} {
			res := do(name)
			p := requireProblem(t, res, 500, "internal")
			require.NotContains(t, p.Detail, "secret-of-ours")
		}
	}
	require.NotContains(t, log.String(), "attempt-closed: ", "what the caller got wrong is no error of ours")
}

func TestTheCauseOfAnInternalErrorIsLoggedOnce(t *testing.T) {
	t.Parallel()
	log := &lockedBuffer{}
	s := serve(t, func(r *httpserver.Router) {
		httpserver.Handle(r, get("/x"), func(context.Context, *none) (*none, error) { return nil, errors.New("the-cause") })
	}, httpservertest.WithOptions(func(o *httpserver.Options) { o.Log = slog.New(slog.NewTextHandler(log, nil)) }))
	s.Do(t, "GET", "/v1/users/x?token=do-not-log", "", nil, nil)
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "msg=request ") }, 5*time.Second, time.Millisecond, "no access log")
	require.Equal(t, 1, strings.Count(log.String(), "the-cause"))
	require.Contains(t, log.String(), "route=/v1/users/x status=500")
	require.NotContains(t, log.String(), "do-not-log")
}

func TestARequestThatTakesTooLong(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r *httpserver.Router) {
		httpserver.Handle(r, get("/slow"), func(ctx context.Context, _ *none) (*none, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
	}, httpservertest.WithOptions(func(o *httpserver.Options) { o.RequestTimeout = 10 * time.Millisecond }))
	requireProblem(t, s.Do(t, "GET", "/v1/users/slow", "", nil, nil), 504, "timeout")
}

func TestAnAnswerThatPanicsHalfwayIsCutOff(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r *httpserver.Router) {
		httpserver.Raw(r, get("/half"), func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic("midway")
		})
	}, httpservertest.WithOptions(func(o *httpserver.Options) { o.Log = slog.New(slog.DiscardHandler) }))
	res, err := s.Client().Get(s.URL + "/v1/users/half")
	require.NoError(t, err)
	_, err = io.ReadAll(res.Body)
	require.NoError(t, res.Body.Close())
	require.Error(t, err, "the client must notice that the answer is not whole")
}

func TestHeadersHoldText(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r *httpserver.Router) {
		httpserver.Handle(r, get("/agent"), func(_ context.Context, in *struct {
			Agent string `header:"User-Agent"`
		}) (*nameOutput, error) {
			out := &nameOutput{}
			out.Body.Name = in.Agent
			return out, nil
		})
	})
	var out struct{ Name string }
	s.Do(t, "GET", "/v1/users/agent", "", nil, &out, httpservertest.Header{Name: "User-Agent", Value: "a\xffb"})
	require.Equal(t, "a\uFFFDb", out.Name)
}

// lockedBuffer takes a log from many goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
