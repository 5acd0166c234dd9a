-- +goose Up

-- What a list of accounts is sorted by. The name is folded by this program, which fills the column when it starts.
ALTER TABLE account ADD COLUMN name_key TEXT NOT NULL DEFAULT '';
CREATE INDEX account_name ON account (name_key, email_key);
CREATE INDEX account_created ON account (created_at, email_key);
CREATE INDEX account_disabled ON account (email_key) WHERE state = 'disabled';
CREATE INDEX account_disabled_name ON account (name_key, email_key) WHERE state = 'disabled';
CREATE INDEX account_disabled_created ON account (created_at, email_key) WHERE state = 'disabled';
CREATE INDEX account_disabled_company ON account (company_id, email_key) WHERE state = 'disabled';

-- Where a session was begun from.
ALTER TABLE session ADD COLUMN ip TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN browser TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN connector TEXT NOT NULL DEFAULT '';

-- Of a million events: those of some days, the refusals, and the few by which sign-ups and new accounts are counted.
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_refused ON audit (at) WHERE outcome <> 'ok';
CREATE INDEX audit_made ON audit (at, action) WHERE outcome = 'ok' AND action IN ('registration.signup', 'account.confirm');

-- What has failed lately, of all that has.
CREATE INDEX message_failed ON message (ended_at) WHERE state = 'failed';
