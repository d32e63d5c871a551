// Package users knows who people are: organisations, accounts, passwords,
// sessions, roles, the keys that sign access tokens, and the audit trail.
//
// It owns the paths /v1/auth, /v1/me, /v1/accounts and /v1/organisations and
// the schema users. It publishes OrganisationCreated, AccountRegistered,
// ContactChanged, RoleGranted, RoleRevoked and AccountErased, and consumes
// nothing: what others need to know of a person is in these events and in the
// access token.
//
// Invariants:
//
//   - An address, normalised, belongs to one account of the platform. No answer
//     that is open to the public tells whether an address is taken, and none
//     takes noticeably longer for one that is.
//   - Of a password the argon2id hash is stored, of a refresh token or a mailed
//     token the SHA-256. None of them is logged, enqueued or put on the bus.
//   - A refresh token works once. Presenting it again revokes its session, and
//     with it every token of the family.
//   - Whatever changes an account locks its row first and emits in the same
//     transaction, so the events of an account are in order.
//   - An organisation that has an administrator keeps one, and so does the
//     platform.
//   - An erased account leaves an id behind and nothing else: not in a table,
//     not in the retained events.
//
// Access tokens are checked without a look at the database, so a sign-out, a
// changed role or an erasure reaches them when they expire: within
// Config.AccessTokenLifetime, 10 minutes unless configured.
package users
