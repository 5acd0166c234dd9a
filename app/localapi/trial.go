package localapi

import "context"

// Trial is what came of trying something out: the steps in their order, up to the first that failed.
type Trial struct {
	OK      bool        `json:"ok"`
	Steps   []TrialStep `json:"steps"`
	Verdict string      `json:"verdict"` // what has come of it and what to do next, a sentence in English
}

// TrialStep is one step of a trial.
type TrialStep struct {
	Name   string `json:"name"` // stable, as "discovery"
	OK     bool   `json:"ok"`
	Detail string `json:"detail"` // what was found, or what to do about it
	TookMS int64  `json:"took_ms"`
}

// TestConnector asks a connector's provider what can be asked without a person. Its steps: "settings", "redirect", "discovery", "keys",
// "clock" and "client". NotFound.
func (c *Client) TestConnector(ctx context.Context, name string) (Trial, error) {
	return do[Trial](ctx, c, "POST", pathConnectorTest, name, nil)
}

// TestPublicURL asks whether the pages answer at an address, as a browser would reach them from this machine. Its steps: "address",
// "name", "connection", "tls" for https, and "pages"; where http leads to https at the same host, "redirect" and these again. ""
// is the setting public_url. Invalid when it is no address.
func (c *Client) TestPublicURL(ctx context.Context, address string) (Trial, error) {
	return do[Trial](ctx, c, "POST", pathPublicURLTest, "", publicURLTest{URL: address})
}

type publicURLTest struct {
	URL string `json:"url"`
}
