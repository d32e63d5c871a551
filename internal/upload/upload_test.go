package upload

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/lyceum-lms/platform/internal/problem"
)

func options() Options {
	return Options{
		Types: []string{"application/zip"}, Name: "upload.zip", Limit: 5,
		Otherwise: problem.New(problem.Invalid, "not-a-zip", "Send a zip."),
	}
}

func request(t *testing.T, contentType string, body io.Reader) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/", body)
	r.Header.Set("Content-Type", contentType)
	return r
}

func TestABodyIsTheFile(t *testing.T) {
	t.Parallel()
	r := request(t, "application/zip", strings.NewReader("12345"))
	r.Header.Set("Content-Disposition", `attachment; filename="..\\week 1.zip"`)
	f, err := Of(r, options())
	require.NoError(t, err)
	require.Equal(t, "week 1.zip", f.Name)
	content, err := io.ReadAll(f)
	require.NoError(t, err)
	require.Equal(t, "12345", string(content))
	require.EqualValues(t, 5, f.Bytes())
	require.NoError(t, f.Check())
}

func TestTheFirstFileOfAFormIsTheFile(t *testing.T) {
	t.Parallel()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	require.NoError(t, form.WriteField("note", "ignored"))
	part, err := form.CreateFormFile("upload", "a.zip")
	require.NoError(t, err)
	_, err = part.Write([]byte("123"))
	require.NoError(t, err)
	require.NoError(t, form.Close())
	f, err := Of(request(t, form.FormDataContentType(), &body), options())
	require.NoError(t, err)
	require.Equal(t, "a.zip", f.Name)
	content, err := io.ReadAll(f)
	require.NoError(t, err)
	require.Equal(t, "123", string(content))
}

func TestRequestsThatHoldNoFile(t *testing.T) {
	t.Parallel()
	for reason, r := range map[string]*http.Request{
		"not-a-zip":   request(t, "text/html", strings.NewReader("x")),
		"no-boundary": request(t, "multipart/form-data", strings.NewReader("x")),
		"no-file":     request(t, "multipart/form-data; boundary=b", strings.NewReader("--b--\r\n")),
		"bad-form":    request(t, "multipart/form-data; boundary=b", strings.NewReader("--b\r\nContent-Disp")),
	} {
		_, err := Of(r, options())
		require.True(t, problem.Is(err, reason), "%s: %v", reason, err)
	}
	_, err := Of(request(t, "", strings.NewReader("x")), options())
	require.True(t, problem.Is(err, "not-a-zip"), "%v", err)
}

func TestFaultsOfUploads(t *testing.T) {
	t.Parallel()
	receive := func(body io.Reader) (*File, error) {
		f, err := Of(request(t, "application/zip", body), options())
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, f)
		return f, err
	}
	f, err := receive(strings.NewReader("123456789"))
	require.NoError(t, err)
	require.True(t, problem.Is(f.Check(), "upload-too-large"))
	require.EqualValues(t, 6, f.Bytes(), "no more is read than shows that it is too much")

	f, err = receive(strings.NewReader(""))
	require.NoError(t, err)
	require.True(t, problem.Is(f.Check(), "empty-upload"))

	f, err = receive(iotest.ErrReader(errors.New("reset")))
	require.Error(t, err)
	require.True(t, problem.Is(f.Fault(err), "upload-broken-off"))

	f, err = receive(iotest.ErrReader(&http.MaxBytesError{Limit: 5}))
	require.Error(t, err)
	require.True(t, problem.Is(f.Fault(err), "upload-too-large"))

	f, err = receive(strings.NewReader("1"))
	require.NoError(t, err)
	ours := errors.New("the disk is full")
	require.ErrorIs(t, f.Fault(ours), ours)
	require.Equal(t, problem.Internal, problem.Of(f.Fault(ours)).Code)
}

func TestPlainNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"": "otherwise", ".": "otherwise", "..": "otherwise", "/": "otherwise", "a/b\\c.png": "c.png",
		"a\x00b\n.png": "ab.png", "gr\xffün.png": "grün.png", strings.Repeat("ü", 300): strings.Repeat("ü", 200),
	} {
		require.Equal(t, want, PlainName(name, "otherwise"), "%q", name)
	}
}
