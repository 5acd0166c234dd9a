package gui

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fyne.io/fyne/v2/test"

	"foyer/app"
	"foyer/app/localapi"
)

func TestUpkeepHealth(t *testing.T) {
	d, _ := openUpkeep(t, newFakeUpkeep(), upkeepTabHealth)
	d.sees("1 thing does not work", "Looked at 2026-11-26 02:30", "Address of the pages", "Certificate", "Port 25 to the outside is closed", "Not checked",
		"The DNS records that mail from here is judged by are right.", "This machine's clock and that of time.office.example agree.", "Google is switched off.")
	d.seesNot("The clocks agree", "<no value>")
	all := d.text()
	order := []string{"Mail", "Certificate", "Disk", "Address of the pages", "DNS"}
	at := -1
	for _, area := range order {
		i := strings.Index(all, "\n"+area+"\n")
		if i < at {
			t.Errorf("%q does not stand after %q:\n%s", area, order, all)
		}
		at = i
	}
	test.AssertObjectRendersToMarkup(t, "upkeep_health.xml", d.window.Content())
	homePicture(d, "upkeep-health")
	d.tap("Mail settings")
	d.tap("Open address")
	if want := []string{"mail settings", "settings address"}; !slices.Equal(d.opened, want) {
		t.Errorf("opened %q, want %q", d.opened, want)
	}
}

func TestUpkeepCheckup(t *testing.T) {
	f := newFakeUpkeep()
	whole := f.checkup
	f.checkup = localapi.Checkup{}
	d, v := openUpkeep(t, f, upkeepTabHealth)
	d.sees("Nobody has looked yet", "what to do about what is wrong")
	d.picture("upkeep-health-never")
	test.Tap(v.health.check)
	d.drain()
	d.seesNot("Nobody has looked yet")
	d.sees("Looking at everything…", "[Checking…]")
	f.step("mail", 3, 12)
	changedJobs(d, v)
	d.sees("Looking at: Mail")
	if got := v.health.progress.part.Value; got != 0.25 {
		t.Errorf("the bar shows %v", got)
	}
	whole.Errors, whole.Warnings, whole.Checks = 0, 0, whole.Checks[:2]
	f.end(whole)
	changedJobs(d, v)
	d.sees("All is well", "[Check now]")
	d.seesNot("Looking at")
	f.err = app.Errorf(app.Unavailable, "stopping", "the service is stopping")
	d.tap("Check now")
	d.sees("The service is stopping. Start it again first.")
	if v.health.check.Disabled() {
		t.Error("nothing can be checked any more")
	}
}

// TestUpkeepCheckupOfSomebody expects a checkup that runs already to be followed instead of refused.
func TestUpkeepCheckupOfSomebody(t *testing.T) {
	f := newFakeUpkeep()
	d, v := openUpkeep(t, f, upkeepTabHealth)
	f.jobs = []localapi.Job{{ID: "1", Kind: localapi.JobCheckup, State: localapi.JobRunning, Step: "disk", Done: 1, Total: 2}}
	f.err = app.Errorf(app.Conflict, "job_running", "a checkup is running already")
	v.health.start()
	works := d.works
	d.works = nil
	for _, wk := range works {
		show := wk(t.Context())
		f.err = nil
		show()
	}
	d.drain()
	d.sees("Looking at: Disk")
}

func TestCheckPlaces(t *testing.T) {
	for area, want := range map[string]string{
		"public_url": pageSettings, "dns": pageSettings, "certificate": pageSettings, "ports": pageSettings, "redirects": pageConnectors, "connectors": pageConnectors,
		"mail": pageMail, "backups": pageUpkeep, "database": pageUpkeep, "service": pageUpkeep, "clock": "", "disk": "", "permissions": "", "configuration": "",
	} {
		place := checkPlace(localapi.Check{Area: area, Subject: "office365"})
		if place.page != want {
			t.Errorf("%s leads to %q, want %q", area, place.page, want)
		}
		if place.page != "" && has("home.go."+place.action, nil) == "" {
			t.Errorf("the button of %s has no text", area)
		}
		if areaText(area) == area {
			t.Errorf("the area %s has no name", area)
		}
	}
}

// TestCheckPlaceOfDNS parts the DNS of the pages' own name from that of the mail.
func TestCheckPlaceOfDNS(t *testing.T) {
	for code, want := range map[string]goal{
		"dns dns_unknown": {pageSettings, groupAddress, "address"}, "mail mail_dns_spf": {pageMail, "dns", "dns"}, "mail mail_smarthost": {pageMail, "settings", "mail_settings"},
	} {
		area, code, _ := strings.Cut(code, " ")
		if got := checkPlace(localapi.Check{Area: area, Code: code, Subject: "office.example"}); got != want {
			t.Errorf("%s leads to %v, want %v", code, got, want)
		}
	}
}

// TestCheckCommands shows what mends what no page can.
func TestCheckCommands(t *testing.T) {
	for _, c := range []struct {
		code, subject, goos, want string
		args                      map[string]string
	}{
		{"clock_wrong", "pool.ntp.org", "linux", "sudo timedatectl set-ntp true", nil},
		{"clock_wrong", "pool.ntp.org", "darwin", "", nil},
		{"clock_ok", "pool.ntp.org", "linux", "", nil},
		{"permissions_open", "/srv/our data/foyer.db", "linux", "sudo chmod go-rwx '/srv/our data/foyer.db'", nil},
		{"permissions_open", "/srv/it's", "darwin", `sudo chmod go-rwx '/srv/it'\''s'`, nil},
		{"permissions_open", "/var/lib/foyer", "windows", "", nil},
		{"permissions_owner", "/var/lib/foyer/secret.key", "linux", "sudo chown foyer /var/lib/foyer/secret.key", map[string]string{"Want": "foyer"}},
		{"permissions_owner", "/var/lib/foyer/secret.key", "linux", "", nil},
	} {
		if got := checkCommand(localapi.Check{Code: c.code, Subject: c.subject, Args: c.args}, c.goos); got != c.want {
			t.Errorf("%s of %s on %s: got %q, want %q", c.code, c.subject, c.goos, got, c.want)
		}
	}
	f := newFakeUpkeep()
	f.checkup.Checks = []localapi.Check{
		{Area: "permissions", State: "error", Code: "permissions_open", Subject: "/var/lib/foyer/secret.key", Text: "others may read it", Args: map[string]string{"Mode": "0644"}},
		{Area: "mail", State: "warning", Code: "mail_dns_spf", Subject: "office.example", Text: "missing"},
		{Area: "dns", State: "error", Code: "dns_unknown", Subject: "accounts.office.example", Text: "unknown", Args: map[string]string{"Own": "192.0.2.10"}},
	}
	d, _ := openUpkeep(t, f, upkeepTabHealth)
	d.sees("sudo chmod go-rwx /var/lib/foyer/secret.key", "[Open DNS records]", "[Open address]")
	homePicture(d, "upkeep-health-commands")
}

// TestCheckTexts expects a text for everything that the service says it has found.
func TestCheckTexts(t *testing.T) {
	names, err := filepath.Glob("../server/checkup*.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("no source: %v", err)
	}
	texts := readTexts(t, "sk")
	codes := map[string]bool{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if name, ok := call.Fun.(*ast.Ident); !ok || name.Name != "found" {
				return true
			}
			if code, ok := call.Args[1].(*ast.BasicLit); ok { // others are made of the name of a step, and have their text from it
				text, _ := strconv.Unquote(code.Value)
				codes[text] = true
			}
			return true
		})
	}
	for key := range texts {
		if kind, ok := strings.CutPrefix(key, "mail.dns_kind."); ok {
			codes["mail_dns_"+kind] = true
		}
	}
	if len(codes) < 50 {
		t.Errorf("only %d codes are found in the source", len(codes))
	}
	for code := range codes {
		if _, ok := texts["upkeep.found."+code]; !ok {
			t.Errorf("what is found as %s has no text", code)
		}
	}
	for key := range texts {
		if code, ok := strings.CutPrefix(key, "upkeep.found."); ok && !codes[code] {
			t.Errorf("%s is never found", code)
		}
	}
}

func TestCheckSentences(t *testing.T) {
	for _, c := range []struct {
		check localapi.Check
		want  string
	}{
		{localapi.Check{Code: "disk_tight", Text: "x", Args: map[string]string{"Free": "2147483648"}}, "2\u00a0GB are free on the disk of the data. Make room before it is full."},
		{localapi.Check{Code: "disk_tight", Text: "make room"}, "Make room."},
		{localapi.Check{Code: "backup_ok", Text: "x", Args: map[string]string{"At": "2026-11-26T02:30:00Z"}}, "The newest backup is of 2026-11-26 02:30."},
		{localapi.Check{Code: "public_url_ok", Text: "all is well"}, "All is well."},
		{localapi.Check{Code: "connector_keys", Subject: "google", Text: "there are no keys", Args: map[string]string{"Step": "keys"}}, "There are no keys."},
		{localapi.Check{Code: "moon_full", Text: "the moon is full"}, "The moon is full."},
	} {
		if got := checkSentence(c.check); got != c.want {
			t.Errorf("%s says %q, want %q", c.check.Code, got, c.want)
		}
	}
}

func TestUpkeepNotices(t *testing.T) {
	for _, c := range []struct {
		notice localapi.Notice
		want   string
		page   string
	}{
		{localapi.Notice{Code: "backup_failed", Args: map[string]string{"Why": "the disk is full"}}, "The last backup has failed: the disk is full.", "upkeep backups"},
		{localapi.Notice{Code: "backup_failed", Text: "the backup has failed"}, "The backup has failed.", "upkeep backups"},
		{localapi.Notice{Code: "backup_none"}, "There is no backup yet.", "upkeep backups"},
		{localapi.Notice{Code: "backup_old", Count: 9}, "The latest backup is 9 days old.", "upkeep backups"},
		{localapi.Notice{Code: "backup_damaged", Subject: "foyer-1.db"}, "The backup foyer-1.db is damaged.", "upkeep backups"},
		{localapi.Notice{Code: "secrets_lost", Args: map[string]string{"What": "mail.password"}}, "Type these again: mail.password.", "connectors "},
		{localapi.Notice{Code: "checkup_error", Count: 2}, "The last check has found 2 things that do not work.", "upkeep health"},
	} {
		if got := noticeText(c.notice); !strings.Contains(got, c.want) {
			t.Errorf("%s says %q, want %q", c.notice.Code, got, c.want)
		}
		if place := placeOf(c.notice); place.page+" "+place.subject != c.page {
			t.Errorf("%s leads to %+v, want %q", c.notice.Code, place, c.page)
		}
	}
}
