// Package status says from Kafka alone how far each account has been read, whether a worker runs or not.
//
// # Idea
//
// Every commit of a worker writes the account's checkpoint into the state topic, in the transaction that holds the events
// which it speaks of. So the newest committed checkpoint says what is in the topic of events, and the time of its record
// when somebody last got something done. [Read] reads all of them, and [Of], which is pure, makes of one what people and
// scripts want to know: spans, ages, and what is wrong, in words.
//
// # Invariants
//
//   - Nothing is written, and no transactional id is touched: a worker does not notice that it is looked at.
//   - Memory is bounded by one checkpoint for each account, whatever the size of the topic.
//   - Accounts come in the order of alarm: what needs somebody stands first.
//
// # Failure
//
// Read fails only if Kafka cannot be read. A checkpoint that this version cannot read is a problem of its account and is
// told as such. Records behind a transaction that stays open cannot be seen: the report says where that is so.
package status
