// Package discreet tests that what is secret stays so. It has no code of its own.
//
// # Idea
//
// A run of everything, with secrets that are known: API keys of several accounts, a SASL password, the key of a client
// certificate, the key of hashed names, and names and emails of candidates, odd ones among them. Whatever can be made to
// fail fails in the way that would be the easiest to leak by: an API that echoes the key, or answers with a page that has
// a name in it; entries with an email where a number belongs; keys in the wrong settings, files and URLs. All that the
// command writes and serves meanwhile is kept, and searched for every secret in every form in which it could have been
// written: as it is, in other case, reversed, quoted, escaped for JSON, HTML or a URL, in hex, in base64 at any offset.
//
// # Invariants
//
//   - Keys and passwords are in no output at all.
//   - Names, emails and what else iMocha says of people are in the topics, and in the events that somebody asked for as
//     JSON, and nowhere else. With PII_POLICY=hash names and emails are not in the events either.
//
// # Failure
//
// What is found is named by its form and by where it was found. The search itself is tested on what it has to find, and
// the run on having had all the secrets: the API was shown the keys, and the topic has the names.
package discreet
