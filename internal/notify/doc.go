// Package notify tells people what happened: in an inbox, live over server-sent
// events, and by mail.
//
// It owns notifications, preferences, mail deliveries, the key that signs links
// to unsubscribe by, and a projection of contacts. It publishes nothing. It consumes contacts and erasures from users,
// enrolments and completions from content, and grades from assessment, each with
// a consumer of its own.
//
// Invariants:
//   - An event makes at most one notification per account, and a notification at
//     most one mail. A mail whose sending failed with an unknown outcome is sent
//     again under the same Message-ID.
//   - A notification is written whether or not the account's contact is known
//     yet. The mail waits for a confirmed address, for a day at most.
//   - Preferences decide at the event whether there is an inbox entry and a mail,
//     and once more before the mail leaves.
//   - Once an account is erased nothing of it is here but its id, which keeps
//     late events from bringing something back.
//   - A live stream sends every notification that is committed while it is open,
//     however late the commit, at most once per stream: see feed.
package notify
