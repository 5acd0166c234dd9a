package gui

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"foyer/app/localapi"
)

// firstBackup says when the last backup was made, and offers to make the first one.
type firstBackup struct {
	desk    *desk
	bar     *bar
	fact    *fyne.Container
	make    *widget.Button
	job     *jobWatch
	content fyne.CanvasObject
}

func newFirstBackup(d *desk, b *bar) *firstBackup {
	s := &firstBackup{desk: d, bar: b, fact: container.NewVBox()}
	s.make = newButton(tr("upkeep.make.first"), theme.DocumentSaveIcon(), s.start)
	s.make.Hide()
	progress := newProgressBar()
	s.job = &jobWatch{
		desk: d, kind: localapi.JobBackup, bar: progress, busy: func(on bool) { enable(s.make, !on) },
		ended: s.ended, failed: func(err error) { d.failed(b, err) },
	}
	s.content = container.NewVBox(s.fact, container.NewHBox(s.make), progress.content)
	return s
}

// read asks whether there is a backup.
func (s *firstBackup) read() {
	s.desk.run(func(ctx context.Context) func() {
		kept, err := s.desk.client.Backups(ctx)
		return func() {
			if err != nil {
				s.desk.failed(s.bar, err)
				return
			}
			s.show(kept)
		}
	})
}

func (s *firstBackup) show(kept localapi.Backups) {
	s.fact.RemoveAll()
	switch {
	case len(kept.Items) > 0:
		s.fact.Add(newFactRow(levelOK, tr("upkeep.first.made", args{"At": moment(kept.Items[0].At)})))
	case kept.NextAt != nil:
		s.fact.Add(newFactRow(levelWarning, tr("upkeep.first.none", args{"At": moment(*kept.NextAt)})))
	default:
		s.fact.Add(newFactRow(levelWarning, tr("upkeep.first.unplanned")))
	}
	visible(s.make, len(kept.Items) == 0)
	s.content.Refresh()
}

func (s *firstBackup) start() {
	s.bar.clear()
	s.job.start(func(ctx context.Context) (localapi.Job, error) {
		return s.desk.client.StartBackup(ctx, localapi.BackupOptions{})
	})
}

func (s *firstBackup) ended(job localapi.Job) {
	if err := job.Err(); err != nil {
		s.desk.failed(s.bar, err)
		return
	}
	s.read()
}
