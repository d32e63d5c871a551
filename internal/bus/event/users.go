package event

import (
	"time"

	"github.com/google/uuid"

	"github.com/lyceum-lms/platform/internal/bus"
)

// OrganisationCreated says that a tenant exists.
var OrganisationCreated = bus.Define("users", "organisation-created", 1, bus.NoPersonalData,
	func(e OrganisationCreatedV1) uuid.UUID { return e.OrganisationID })

// OrganisationCreatedV1 is the payload of OrganisationCreated.
type OrganisationCreatedV1 struct {
	OrganisationID uuid.UUID `json:"organisation_id"`
	Slug           string    `json:"slug"`
	Name           string    `json:"name"`
	At             time.Time `json:"at"`
}

// AccountRegistered says that an account exists; its address may not be
// confirmed yet.
var AccountRegistered = bus.Define("users", "account-registered", 1, bus.NoPersonalData,
	func(e AccountRegisteredV1) uuid.UUID { return e.AccountID })

// AccountRegisteredV1 is the payload of AccountRegistered.
type AccountRegisteredV1 struct {
	AccountID      uuid.UUID `json:"account_id"`
	OrganisationID uuid.UUID `json:"organisation_id"`
	At             time.Time `json:"at"`
}

// ContactChanged carries the facts that mail and the gradebook need of a
// person. It is the one topic with personal data; erasure deletes its events.
var ContactChanged = bus.Define("users", "contact-changed", 1, bus.ContactFacts,
	func(e ContactChangedV1) uuid.UUID { return e.AccountID })

// ContactChangedV1 is the payload of ContactChanged. Each event carries the
// whole present state.
type ContactChangedV1 struct {
	AccountID      uuid.UUID `json:"account_id"`
	OrganisationID uuid.UUID `json:"organisation_id"`
	Email          string    `json:"email"`
	EmailConfirmed bool      `json:"email_confirmed"`
	DisplayName    string    `json:"display_name"`
	Locale         string    `json:"locale"`    // BCP 47, such as "en"
	TimeZone       string    `json:"time_zone"` // IANA name, such as "Europe/Berlin"
	At             time.Time `json:"at"`
}

// RoleGranted says that an account holds a role in its organisation.
var RoleGranted = bus.Define("users", "role-granted", 1, bus.NoPersonalData,
	func(e RoleGrantedV1) uuid.UUID { return e.AccountID })

// RoleGrantedV1 is the payload of RoleGranted.
type RoleGrantedV1 struct {
	AccountID      uuid.UUID `json:"account_id"`
	OrganisationID uuid.UUID `json:"organisation_id"`
	Role           string    `json:"role"`
	At             time.Time `json:"at"`
}

// RoleRevoked says that an account no longer holds a role.
var RoleRevoked = bus.Define("users", "role-revoked", 1, bus.NoPersonalData,
	func(e RoleRevokedV1) uuid.UUID { return e.AccountID })

// RoleRevokedV1 is the payload of RoleRevoked.
type RoleRevokedV1 struct {
	AccountID      uuid.UUID `json:"account_id"`
	OrganisationID uuid.UUID `json:"organisation_id"`
	Role           string    `json:"role"`
	At             time.Time `json:"at"`
}

// AccountErased says that a person has asked to be forgotten: every module
// removes or anonymises what it holds of the account.
var AccountErased = bus.Define("users", "account-erased", 1, bus.NoPersonalData,
	func(e AccountErasedV1) uuid.UUID { return e.AccountID })

// AccountErasedV1 is the payload of AccountErased.
type AccountErasedV1 struct {
	AccountID      uuid.UUID `json:"account_id"`
	OrganisationID uuid.UUID `json:"organisation_id"`
	At             time.Time `json:"at"`
}
