package server

import (
	"context"
	"path/filepath"
	"time"

	"foyer/app"
	"foyer/app/localapi"
	"foyer/server/backup"
	"foyer/server/store"
)

// openAdmin serves the admin socket, long before there is anything to administer: what the database needs may take its time, and
// whoever waits is told how far it is.
func (s *Server) openAdmin(ctx context.Context) (err error) {
	if s.admin, err = localapi.Listen(ctx, s.config.Socket); err != nil {
		return err
	}
	s.api, s.startup = localapi.NewStartingServer(s.apiConfig())
	s.apiEnded = make(chan error, 1)
	go func() { s.apiEnded <- serve(s.api, s.admin) }()
	return nil
}

func (s *Server) apiConfig() localapi.HandlerConfig {
	return localapi.HandlerConfig{Version: s.config.Version, SQLite: store.LibraryVersion(), Log: s.config.Log, Operators: s.config.Operators}
}

// progress tells everybody how far the start is: who asks at the admin socket, who started the service, and the log.
func (s *Server) progress(step string, done, total int64) {
	s.startup.Progress(step, done, total)
	if s.config.Starting != nil {
		s.config.Starting(step, done, total)
	}
	if done == 0 || step == "migrate" {
		s.config.Log.Info("starting", "doing", stepWords(step), "step", step, "done", done, "total", total)
	}
}

// stepWords returns what the log says of a step of the start.
func stepWords(step string) string {
	switch step {
	case "check":
		return "looking at the database"
	case "backup":
		return "making a backup before the database is brought up to date"
	case "migrate":
		return "bringing the database up to date"
	default:
		return "starting"
	}
}

// openBackups opens the directory of the backups, and removes what was cut off there. Nobody makes one yet. It comes after the
// database was looked at: where that is damaged, nothing is touched.
func (s *Server) openBackups() error {
	if s.backups != nil {
		return nil
	}
	dir, err := backup.Open(filepath.Join(s.config.DataDir, backupsDir))
	if err != nil {
		return &DataError{Message: "the data directory " + s.config.DataDir + " cannot be used: its backups cannot be read", Err: err}
	}
	s.backups = &backups{
		data: s.config.DataDir, version: s.config.Version, log: s.config.Log, dir: dir, memory: openBackupMemory(dir.Path(), s.config.Log),
		settings: func() app.Settings { return s.service.Settings() }, starting: s.progress,
	}
	return nil
}

// migrating is called before the database is brought up to date.
func (s *Server) migrating(ctx context.Context, db store.Source) error {
	if err := s.openBackups(); err != nil {
		return err
	}
	return s.backups.beforeUpdate(ctx, db)
}

// beforeUpdate makes a backup of a database that is brought up to date next. It is encrypted when those of each night are.
func (b *backups) beforeUpdate(ctx context.Context, db store.Source) error {
	b.starting("backup", 0, 0)
	recipients, err := db.Setting(ctx, "backup.recipients")
	if err != nil {
		return err
	}
	to, err := backup.ParseRecipients(app.BackupOptions{Recipients: recipients})
	if err != nil {
		return err
	}
	made, err := keepBackup(ctx, b.dir, b.data, db, app.Backup{Reason: app.BackupUpdate, At: time.Now(), Version: b.version}, to, func(step string, done, total int64) {
		if step == "copy" && done > 0 {
			b.starting("backup", done, total)
		}
	})
	if err != nil {
		return err
	}
	b.log.Info("backup made before the update", "name", made.Name, "schema", made.Schema)
	b.updated = &made
	return nil
}

// begin makes backups possible, now that the database is open.
func (b *backups) begin(ctx context.Context, db *store.Store, jobs *app.Jobs) error {
	b.store, b.jobs = db, jobs
	lost, err := db.Lost(ctx)
	if err != nil {
		return err
	}
	if b.lost = lost; len(lost) > 0 {
		b.log.Warn("secrets cannot be opened with the key that is there; they have to be entered anew", "which", lost)
	}
	if b.updated == nil {
		return nil
	}
	return db.AddEvent(ctx, app.Event{
		At: b.updated.At, Actor: "start of the service", Action: app.ActBackupCreate, Outcome: app.OK, Subject: b.updated.Name, Detail: b.updated.Reason,
	})
}
