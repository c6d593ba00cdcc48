package groups

import (
	"fmt"
	"strings"
)

// An UnknownGroupError is a group that does not exist, that this user may not see (Kafka does not tell the two apart), or
// that has nothing to do with the topic.
type UnknownGroupError struct {
	Group  string
	Topic  string
	Known  []string // the groups of the topic, sorted
	Exists bool     // it has neither an offset of the topic nor a member that subscribes to it
}

func (e *UnknownGroupError) Error() string {
	what := fmt.Sprintf("group %q does not exist, or this user may not describe it", e.Group)
	if e.Exists {
		what = fmt.Sprintf("group %q has neither an offset of topic %q nor a member that subscribes to it", e.Group, e.Topic)
	}
	known := fmt.Sprintf("no group reads topic %q", e.Topic)
	if len(e.Known) > 0 {
		var names []string
		for _, name := range e.Known {
			names = append(names, plain(name))
		}
		known = fmt.Sprintf("the groups of topic %q are: %s", e.Topic, strings.Join(names, ", "))
	}
	return fmt.Sprintf("%s; %s; a group exists once it has joined or committed, until its offsets expire", what, known)
}

// A MembersError is a group that cannot be moved, because somebody would go on reading, and committing, where it was.
type MembersError struct {
	Group   string
	Members []Member // none where Kafka only said that there are some
}

func (e *MembersError) Error() string {
	const todo = "stop its consumers and try again"
	if len(e.Members) == 0 {
		return fmt.Sprintf("group %q has members: %s", e.Group, todo)
	}
	const most = 10
	var names []string
	for _, m := range e.Members[:min(most, len(e.Members))] {
		names = append(names, m.String())
	}
	if more := len(e.Members) - most; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("group %q has members: %s: %s", e.Group, strings.Join(names, ", "), todo)
}
