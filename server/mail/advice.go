package mail

import "strings"

// What the answers of others mean for the settings of this machine, by their enhanced codes (RFC 3463, RFC 7372), beside
// those that Microsoft and Google have made up. Their words change; the codes have not.
const (
	seeDNS = "foyer mail dns says which records to publish"

	adviceSendAs = "mail.username has no right to send as this sender: set mail.from to the address of the account, or give the account " +
		"the right Send As at the provider"
	adviceSender = "the sender is not one this machine may use there: set mail.from to an address that belongs to mail.username, or set " +
		"mail.auth if no sign-in is set"
	adviceRelay = "the server hands no mail on for this machine: set mail.auth, mail.username and mail.password, or have this machine's address " +
		"allowed there"
	adviceAccount = "the server does not let mail.username send this: set mail.from (for a program: its senders) to an address that belongs " +
		"to mail.username, or ask whoever runs the server what it may send"
	advicePasswordOff = "the provider has switched off signing in with a password (Microsoft: SMTP AUTH) for this account: set mail.auth=xoauth2, or " +
		"have SMTP AUTH switched on for the mailbox"
	adviceAuthOff = "SMTP AUTH is switched off for the mailbox: have it switched on (Set-CASMailbox -SmtpClientAuthenticationDisabled $false)"
	adviceAppPass = "the provider wants an application password here, not that of the account: make one there and set mail.password, or set " +
		"mail.auth=xoauth2"
)

// adviseAnswer returns what the administrator can do about a refusal at the present step, or "". It is not part of the
// reply: that goes to the senders of relayed mail as well.
func (c *conversation) adviseAnswer(code int, enhanced string) string {
	_, detail, _ := strings.Cut(enhanced, ".") // what is wrong; the digit before says for how long
	switch detail {
	case "7.20", "7.21", "7.22":
		return "the mail's DKIM signature is missing or not taken: set mail.dkim=on; " + seeDNS
	case "7.23", "7.24":
		return "the SPF record of the sender's domain does not allow the machine that sends: " + seeDNS
	case "7.25":
		return "the address the mail came from has no name in the DNS that leads back to it (PTR): " + seeDNS
	case "7.26", "7.509", "7.515":
		return "the sender's domain proves too little (SPF, DKIM, DMARC): set mail.dkim=on; " + seeDNS
	case "1.7", "1.8":
		return "the sender's address is not taken: set mail.from to one whose domain receives mail"
	}
	if c.domain != "" {
		return ""
	}
	return c.adviseSmarthost(code, detail)
}

// adviseSmarthost is adviseAnswer for what only a server of one's own may ask for.
func (c *conversation) adviseSmarthost(code int, detail string) string {
	switch {
	case c.step == stepAuth && detail == "7.139" && c.auth.method == "xoauth2":
		return adviceAuthOff
	case c.step == stepAuth && detail == "7.139":
		return advicePasswordOff
	case c.step == stepAuth && c.auth.method != "xoauth2" && (detail == "7.9" || detail == "7.14"):
		return adviceAppPass
	case c.step == stepAuth, code < 500:
		return ""
	case detail == "7.60", detail == "2.252":
		return adviceSendAs
	case c.step == stepMail && (detail == "7.1" || detail == "" && (code == 550 || code == 553)):
		return adviceSender
	case c.step == stepRecipient && detail == "7.1" && c.auth.method != "" && c.auth.method != "none":
		// Postfix judges the sender here as well (smtpd_delay_reject), and in the same code as relaying.
		return adviceAccount
	case c.step == stepRecipient && (detail == "7.1" || detail == "7.54" || detail == "7.64"):
		return adviceRelay
	default:
		return ""
	}
}
