package localapi

import "context"

// The topics of a Change: what lists a client should read again.
const (
	TopicAccounts      = "accounts"
	TopicRegistrations = "registrations"
	TopicCompanies     = "companies"
	TopicConnectors    = "connectors"
	TopicSettings      = "settings"
	TopicMessages      = "messages"
	TopicEvents        = "events"
	TopicPrograms      = "programs"
)

// Change tells that something under these topics is not as it was. It says where to look, not what.
type Change struct {
	Topics []string `json:"topics"`
}

// Watch calls changed with every change from now on, in the caller's goroutine, until ctx is done or the service goes away;
// it returns the error that ended it. ready is called once when the service has answered: what changes after that is told.
func (c *Client) Watch(ctx context.Context, ready func(), changed func(Change)) error {
	panic("not built")
}
