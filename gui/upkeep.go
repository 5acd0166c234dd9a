package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"foyer/app/localapi"
)

// upkeepView is the page of what keeps the service well: its backups, what is not as it must be, and the service of this machine
// itself.
type upkeepView struct {
	tabs    *mailTabs
	backups *upkeepBackups
	health  *upkeepHealth
	service *upkeepService
	content fyne.CanvasObject
}

// The tabs of the page, in their order, by the subjects of Open.
const (
	upkeepTabBackups = "backups"
	upkeepTabHealth  = "health"
	upkeepTabService = "service"
)

func upkeepTabs() []string { return []string{upkeepTabBackups, upkeepTabHealth, upkeepTabService} }

func newUpkeep(d *desk) view { return newUpkeepView(d) }

func newUpkeepView(d *desk) *upkeepView {
	v := &upkeepView{backups: newUpkeepBackups(d), health: newUpkeepHealth(d), service: newUpkeepService(d)}
	var titles []string
	for _, name := range upkeepTabs() {
		titles = append(titles, tr("upkeep.tab."+name))
	}
	v.tabs = newMailTabs(titles, []fyne.CanvasObject{v.backups.content, v.health.content, v.service.content}, v.turned)
	v.content = newBorder(container.NewVBox(newTitle(tr("page.upkeep")), v.tabs.bar), nil, nil, nil, v.tabs.body)
	return v
}

// Content returns what the page shows.
func (v *upkeepView) Content() fyne.CanvasObject { return v.content }

// Open reads anew. subject is "" or the name of a tab.
func (v *upkeepView) Open(subject string) {
	for i, name := range upkeepTabs() {
		if name == subject {
			v.tabs.choose(i)
			return
		}
	}
	v.tabs.choose(v.tabs.at)
}

// turned reads what a tab shows when it comes into sight.
func (v *upkeepView) turned(tab int) {
	switch upkeepTabs()[tab] {
	case upkeepTabBackups:
		v.backups.read()
	case upkeepTabHealth:
		v.health.read()
	case upkeepTabService:
		v.service.read()
	}
}

// Changed reads what has changed of what is in sight.
func (v *upkeepView) Changed(t topics) {
	if t.any(localapi.TopicJobs) {
		v.backups.making.poll()
		v.backups.checking.poll()
		v.health.job.poll()
	}
	switch upkeepTabs()[v.tabs.at] {
	case upkeepTabBackups:
		if t.any(localapi.TopicBackups, localapi.TopicSettings) {
			v.backups.reread()
		}
		if t.any(localapi.TopicJobs) { // the schedule, or somebody else, may have begun one
			v.backups.making.look()
		}
	case upkeepTabHealth:
		if t.any(localapi.TopicJobs) {
			v.health.job.look()
		}
	}
}

// Unsaved is never true: what is typed is typed into dialogs.
func (v *upkeepView) Unsaved() bool { return false }
