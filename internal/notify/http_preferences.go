package notify

import (
	"context"
	"strings"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
)

type preferenceBody struct {
	Kind    string `json:"kind" maxLength:"64"`
	Channel string `json:"channel" maxLength:"64" doc:"inbox or mail"`
	Enabled bool   `json:"enabled"`
}

type preferencesOutput struct {
	ETag string `header:"ETag"`
	Body httpserver.List[preferenceBody]
}

func newPreferencesOutput(table preferences) *preferencesOutput {
	out := &preferencesOutput{ETag: table.tag()}
	for _, row := range table {
		out.Body.Items = append(out.Body.Items, preferenceBody{string(row.Kind), string(row.Channel), row.Enabled})
	}
	return out
}

func (m *Module) handleGetPreferences(ctx context.Context, _ *struct{}) (*preferencesOutput, error) {
	table, err := loadPreferences(ctx, m.db.Pool, auth.Caller(ctx).AccountID)
	if err != nil {
		return nil, err
	}
	return newPreferencesOutput(table), nil
}

type putPreferencesInput struct {
	IfMatch string `header:"If-Match" maxLength:"1000" doc:"The ETag of the preferences that were read; left out to replace whatever is there"`
	Body    struct {
		Items []preferenceBody `json:"items" nullable:"false" maxItems:"100"`
	}
}

func (m *Module) handlePutPreferences(ctx context.Context, in *putPreferencesInput) (*preferencesOutput, error) {
	var tags []string
	for tag := range strings.SplitSeq(in.IfMatch, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			tags = append(tags, tag)
		}
	}
	rows := make([]preference, 0, len(in.Body.Items))
	for _, item := range in.Body.Items {
		rows = append(rows, preference{kind(item.Kind), channel(item.Channel), item.Enabled})
	}
	table, err := m.replacePreferences(ctx, auth.Caller(ctx), tags, rows)
	if err != nil {
		return nil, err
	}
	return newPreferencesOutput(table), nil
}

type unsubscribeInput struct {
	Token string `query:"token" required:"true" maxLength:"200"`
}

func (m *Module) handleUnsubscribe(ctx context.Context, in *unsubscribeInput) (*struct{}, error) {
	return nil, m.unsubscribe(ctx, in.Token)
}
