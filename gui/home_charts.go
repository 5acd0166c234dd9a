package gui

import (
	"fmt"
	"time"

	"foyer/app/localapi"
)

func newSignUpChart() *chart {
	return newChart(tr("home.signups.empty"),
		series{tr("home.signups.made"), colorBar, patternSolid},
		series{tr("home.signups.open"), colorWait, patternStripes})
}

// showSignUps shows the accounts that were made, and what was asked for and not confirmed.
func showSignUps(c *chart, days []localapi.Day) {
	open := unconfirmed(days)
	bars := make([]chartDay, len(days))
	made, asked := 0, 0
	for i, d := range days {
		bars[i] = chartDay{label: dayName(d.Day), values: []int{d.Accounts, open[i]}}
		made += d.Accounts
		asked += open[i]
	}
	if made+asked == 0 {
		c.show(bars, trn("home.signups.nothing", len(days)))
		return
	}
	c.show(bars, tr("home.signups.summary", args{
		"Days": trn("home.days", len(days)), "Made": trn("home.signups.made_count", made), "Open": trn("home.signups.open_count", asked),
		"Most": busiest(bars),
	}))
}

// unconfirmed returns how many of each day's requests have not become accounts. An account is made within a day of its request, or
// never: so a day's accounts are of that day's requests, or else of those of the day before.
func unconfirmed(days []localapi.Day) []int {
	open := make([]int, len(days))
	for i, d := range days {
		open[i] = max(d.Requests-d.Accounts, 0)
		if more := d.Accounts - d.Requests; more > 0 && i > 0 {
			open[i-1] = max(open[i-1]-more, 0)
		}
	}
	return open
}

func newMailChart() *chart { return newChart(tr("home.mails.empty"), mailSeries(false)...) }

// mailSeries returns what the chart of mails counts: what is only kept here just where mail is kept.
func mailSeries(captured bool) []series {
	s := []series{
		{tr("home.mails.delivered"), colorBar, patternSolid},
		{tr("home.mails.deferred"), colorWait, patternStripes},
		{tr("home.mails.failed"), colorBad, patternDots},
	}
	if captured {
		s = append(s, series{tr("home.mails.captured"), colorSoft, patternHollow})
	}
	return s
}

// showMails shows what has become of the mails of some days.
func showMails(c *chart, days []localapi.Day) {
	bars := make([]chartDay, len(days))
	var delivered, deferred, failed, captured int
	for i, d := range days {
		bars[i] = chartDay{label: dayName(d.Day), values: []int{d.Delivered, d.Deferred, d.Failed, d.Captured}}
		delivered += d.Delivered
		deferred += d.Deferred
		failed += d.Failed
		captured += d.Captured
	}
	c.setSeries(mailSeries(captured > 0))
	if delivered+deferred+failed+captured == 0 {
		c.show(bars, trn("home.mails.nothing", len(days)))
		return
	}
	values := args{
		"Days": trn("home.days", len(days)), "Delivered": trn("home.mails.delivered_count", delivered),
		"Deferred": trn("home.mails.deferred_count", deferred), "Failed": trn("home.mails.failed_count", failed),
	}
	if captured > 0 {
		values["Captured"] = trn("home.mails.captured_count", captured)
		c.show(bars, tr("home.mails.summary_captured", values))
		return
	}
	c.show(bars, tr("home.mails.summary", values))
}

// busiest says on which day there was most, the latest of several.
func busiest(days []chartDay) string {
	best := 0
	for i, d := range days {
		if d.total() >= days[best].total() {
			best = i
		}
	}
	return tr("home.most", args{"Day": days[best].label, "Count": number(days[best].total())})
}

// dayName writes a day of the service, as in "2026-11-26", shortly.
func dayName(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return tr("home.day", args{"Day": t.Day(), "Month": tr(fmt.Sprintf("home.month.%02d", t.Month()))})
}
