// Package ownership makes workers share the accounts: it says which partitions of the state topic this worker is to write
// for, and from when until when.
//
// # Idea
//
// Workers are the members of one consumer group over the state topic, with an assignment of their own. Who is assigned a
// partition takes its accounts over; who loses it ends its work on them and says so. The group decides who should write.
// Who can write is decided by the producer epoch of each account's transactional id (package kafkatx): so whatever goes
// wrong here costs time, and never an event.
//
// # Why nobody stops while the group is rearranged
//
// The classic protocol gives out all partitions anew in every generation. A member would have to stop everything before
// it joins, whoever came or went. Here each member says, when it joins, which partitions it works on (its claims), and
// goes on working. The leader gives a partition only
//
//   - to the member that claims it, or
//   - to any member, if none of this generation claims it.
//
// So where a partition is to move, the leader gives it to nobody at first. Its owner sees that in its assignment, ends its
// transaction, and joins again without the claim: in the generation that follows it goes to its new owner. Nobody is given
// a partition that a member works on:
//
//   - A member of the generation claims truthfully: it stops claiming only after its work has ended, and works only on what
//     it was assigned. A partition that it was assigned in an answer that it has never seen, it does not work on.
//   - Who is no member of the generation has left, which it does after its work has ended, or was declared dead by the
//     coordinator: then its lease has ended, too.
//
// # The lease
//
// The coordinator declares a member dead that it has not heard of for the session timeout. A member counts the same time
// from when it sent the last heartbeat that was answered, which is earlier. When that is over, it cancels all its work,
// and [Group.Check], which is asked before every request of a transaction, says no: not a word more goes to Kafka for its
// accounts, neither a commit nor an abort. A process that was stopped (SIGSTOP) finds that out by the monotonic clock before
// it sends anything. It joins again when all its work has ended, with no claims.
//
// What the lease cannot see: a pause between the question and the sending, a machine whose monotonic clock stands
// still while it sleeps, and a request to join that was delayed on the way until it claims too little. Then the
// new owner's InitProducerID has fenced the old one, and a transaction is aborted that need not have been.
//
// # Who gets what
//
// A partition weighs as much as it has accounts. What is claimed stays where it is unless a member has too little of the
// whole (see balance). What is free goes to who has least.
//
// # When the list of accounts changes
//
// Each member reads the list by itself, one a few seconds before the other, and takes accounts in and out in the partitions
// that it has: for that nobody has to be asked. So a change of the list moves no partition, and since each partition has an
// owner at all times, each account of the newest list is read by one worker once all have read the list. The group is told
// of the new numbers ten seconds later, in one generation for all members, and only if numbers have changed: then what has
// become uneven is evened out. While members know different numbers of accounts
//
//   - who has a partition keeps it, even if others know more of it: the owner is about to read the list, too;
//   - what is free goes to who knows most of its accounts, since an account that the owner does not know is read by nobody;
//   - nothing moves for the sake of evenness.
//
// Members whose lists differ for ever come to rest like that, and the leader logs of which partitions they know how many.
// What the numbers do not show, two lists with as many accounts but not the same ones, changes nothing of all that.
//
// # Failure
//
// A coordinator that is away or moves is asked again for ever; meanwhile the lease runs. So is one that misses a right
// ([RightsError]): it can be granted meanwhile. What waiting does not cure is an error of [Group.Run] if the group has never
// counted this worker in: a group that something else has joined ([ForeignError]), a session timeout that the broker does
// not take ([SessionError]). Later it is logged and tried again. [Group.Check] says why the group cannot be joined.
package ownership
