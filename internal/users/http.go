package users

import (
	"net/http"

	"github.com/lyceum-lms/platform/internal/auth"
	"github.com/lyceum-lms/platform/internal/httpserver"
)

// Routes adds the module's routes.
func (m *Module) Routes(r *httpserver.Router) {
	m.authRoutes(r)
	m.meRoutes(r)
	m.organisationRoutes(r)
	m.memberRoutes(r)
}

func (m *Module) authRoutes(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/v1/auth/register", ID: "register", Summary: "Register an account",
		Description: "Makes an account in an organisation that is open to registration and mails a token to confirm the " +
			"address with. The answer is the same if the address has an account already, whose owner then gets a mail.",
		Permission: auth.Public, Status: http.StatusAccepted, MaxBody: smallBody, Secret: true, Problems: []int{http.StatusNotFound, http.StatusServiceUnavailable},
	}, m.postRegister)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/v1/auth/confirm", ID: "confirm-address", Summary: "Confirm an e-mail address",
		Description: "Takes the token of the mail sent after registration.",
		Permission:  auth.Public, Status: http.StatusNoContent, MaxBody: smallBody, Secret: true, Problems: []int{http.StatusGone},
	}, m.postConfirm)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/v1/auth/confirm/resend", ID: "resend-confirmation", Summary: "Ask for another confirmation mail",
		Description: "The answer is the same whether or not the address has an account that waits for its confirmation.",
		Permission:  auth.Public, Status: http.StatusAccepted, MaxBody: smallBody,
	}, m.postResend)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/v1/auth/sign-in", ID: "sign-in", Summary: "Sign in",
		Description: "Begins a session and returns a short-lived access token and the first refresh token. After 10 wrong " +
			"passwords within 15 minutes the address is refused to the caller for the rest of that time.",
		Permission: auth.Public, MaxBody: smallBody, Secret: true,
		Problems: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable},
	}, m.postSignIn)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/v1/auth/refresh", ID: "refresh-tokens", Summary: "Exchange a refresh token",
		Description: "Returns the next pair of tokens. A refresh token works once; presenting it again ends its session.",
		Permission:  auth.Public, MaxBody: smallBody, Secret: true, Problems: []int{http.StatusUnauthorized},
	}, m.postRefresh)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/v1/auth/sign-out", ID: "sign-out", Summary: "End a session",
		Description: "Ends the session of the refresh token in the body or, without one, that of the access token. " +
			"Access tokens of the session work until they expire, for a few minutes at most.",
		Permission: auth.Public, Status: http.StatusNoContent, MaxBody: smallBody, Secret: true, Problems: []int{http.StatusUnauthorized},
	}, m.postSignOut)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/v1/auth/password/forgot", ID: "forgot-password", Summary: "Ask for a mail to set a new password",
		Description: "The answer is the same whether or not the address has an account.",
		Permission:  auth.Public, Status: http.StatusAccepted, MaxBody: smallBody,
	}, m.postForgot)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/v1/auth/password/reset", ID: "reset-password", Summary: "Set a new password with a mailed token",
		Description: "Also accepts an invitation. Confirms the address and ends all sessions of the account.",
		Permission:  auth.Public, Status: http.StatusNoContent, MaxBody: smallBody, Secret: true, Problems: []int{http.StatusGone, http.StatusServiceUnavailable},
	}, m.postReset)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/v1/auth/keys", ID: "list-signing-keys", Summary: "The keys that verify access tokens",
		Description: "A JSON Web Key Set (RFC 7517). A key appears in it before it signs and stays until its last token has expired.",
		Permission:  auth.Public,
	}, m.getKeys)
}

func (m *Module) meRoutes(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/v1/me", ID: "get-me", Summary: "The signed-in account",
		Permission: auth.SignedIn,
	}, m.getMe)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPatch, Path: "/v1/me", ID: "update-me", Summary: "Change the signed-in account's profile",
		Description: "Changes the values that are sent. With If-Match, only the version that the caller has seen.",
		Permission:  auth.SignedIn, MaxBody: smallBody, Problems: []int{http.StatusPreconditionFailed},
	}, m.patchMe)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodDelete, Path: "/v1/me", ID: "erase-me", Summary: "Erase the signed-in account",
		Description: "Removes everything that is held about the person, everywhere on the platform. It cannot be undone.",
		Permission:  auth.SignedIn, Status: http.StatusNoContent, MaxBody: smallBody,
		Problems: []int{http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable},
	}, m.deleteMe)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/v1/me/password", ID: "change-password", Summary: "Change the password",
		Description: "Ends the other sessions of the account.",
		Permission:  auth.SignedIn, Status: http.StatusNoContent, MaxBody: smallBody, Secret: true,
		Problems: []int{http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable},
	}, m.postPassword)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/v1/me/sessions", ID: "list-sessions", Summary: "The sessions of the signed-in account",
		Description: "The 200 that were used last.",
		Permission:  auth.SignedIn,
	}, m.getSessions)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodDelete, Path: "/v1/me/sessions/{session_id}", ID: "end-session", Summary: "End a session",
		Permission: auth.SignedIn, Status: http.StatusNoContent, Problems: []int{http.StatusNotFound},
	}, m.deleteSession)
}

func (m *Module) organisationRoutes(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/v1/organisations", ID: "create-organisation", Summary: "Create an organisation",
		Description: "With an administrator, also invites that person into it.",
		Permission:  auth.ManageOrganisations, Status: http.StatusCreated, MaxBody: smallBody, Problems: []int{http.StatusConflict},
	}, m.postOrganisation)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/v1/organisations", ID: "list-organisations", Summary: "All organisations, by slug",
		Permission: auth.ManageOrganisations,
	}, m.getOrganisations)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/v1/organisations/current", ID: "get-current-organisation", Summary: "The organisation of the signed-in account",
		Permission: auth.SignedIn, Problems: []int{http.StatusNotFound},
	}, m.getCurrentOrganisation)
}

func (m *Module) memberRoutes(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/v1/accounts", ID: "list-accounts", Summary: "The accounts of the own organisation",
		Description: "In the order in which they came. With a query, those whose address or name begins with it.",
		Permission:  auth.ManageMembers,
	}, m.getAccounts)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/v1/accounts", ID: "invite-account", Summary: "Make an account for somebody",
		Description: "Mails the person a token to set the password with, which /v1/auth/password/reset takes.",
		Permission:  auth.ManageMembers, Status: http.StatusCreated, MaxBody: smallBody, Problems: []int{http.StatusConflict},
	}, m.postAccount)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/v1/accounts/{account_id}", ID: "get-account", Summary: "An account of the own organisation",
		Permission: auth.ManageMembers, Problems: []int{http.StatusNotFound},
	}, m.getAccount)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPut, Path: "/v1/accounts/{account_id}/roles/{role}", ID: "grant-role", Summary: "Grant a role",
		Description: "Takes effect with the account's next access token, after a few minutes at most.",
		Permission:  auth.ManageMembers, Problems: []int{http.StatusNotFound},
	}, m.putRole)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodDelete, Path: "/v1/accounts/{account_id}/roles/{role}", ID: "revoke-role", Summary: "Revoke a role",
		Description: "Takes effect with the account's next access token, after a few minutes at most. The last administrator stays one.",
		Permission:  auth.ManageMembers, Problems: []int{http.StatusNotFound, http.StatusConflict},
	}, m.deleteRole)
}

// smallBody bounds request bodies that hold a handful of short strings.
const smallBody = 16 << 10
