package app_test

import (
	"context"
	"encoding/base64"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/argon2"

	"foyer/app"
)

// cheap is a cost that a test of behaviour can afford.
var cheap = app.Argon2{Memory: 64, Time: 1, Threads: 1}

func hash(tb testing.TB, h *app.Hasher, password string) string {
	tb.Helper()
	phc, err := h.Hash(tb.Context(), password, app.HashBounds{})
	if err != nil {
		tb.Fatalf("Hash(%q): %v", password, err)
	}
	return phc
}

func verify(tb testing.TB, h *app.Hasher, phc, password string) (ok, stale bool) {
	tb.Helper()
	ok, stale, err := h.Verify(tb.Context(), phc, password, app.HashBounds{})
	if err != nil {
		tb.Fatalf("Verify(%q, %q): %v", phc, password, err)
	}
	return ok, stale
}

func TestCheckPassword(t *testing.T) {
	addr := address(t, "Jane.Doe+x@Company.com")
	tests := []struct{ name, password, confirm, field, reason string }{
		{"8 characters", "kq7!fzwm", "kq7!fzwm", "", ""},
		{"8 runes of 2 bytes", "žžžžžžžž", "žžžžžžžž", "", ""},
		{"8 runes of 4 bytes", strings.Repeat("🙂", 8), strings.Repeat("🙂", 8), "", ""},
		{"128 runes of 4 bytes", strings.Repeat("🙂", 128), strings.Repeat("🙂", 128), "", ""},
		{"no rule of composition", "correct horse battery", "correct horse battery", "", ""},
		{"one letter", strings.Repeat("e", 9), strings.Repeat("e", 9), "", ""},
		{"blanks only, and used as received", strings.Repeat(" ", 11), strings.Repeat(" ", 11), "", ""},
		{"NUL bytes", "\x00\x00\x00\x00abcd", "\x00\x00\x00\x00abcd", "", ""},
		{"broken UTF-8", "\xff\xfe\xfd\xfcabcd", "\xff\xfe\xfd\xfcabcd", "", ""},
		{"a blank around a common one", " password ", " password ", "", ""},

		{"empty", "", "", "password", "password_short"},
		{"7 characters", "kq7!fzw", "kq7!fzw", "password", "password_short"},
		{"7 runes of 2 bytes", "žžžžžžž", "žžžžžžž", "password", "password_short"},
		{"null", "null", "null", "password", "password_short"},
		{"129 characters", strings.Repeat("x", 129), strings.Repeat("x", 129), "password", "password_long"},
		{"129 runes", strings.Repeat("ž", 129), strings.Repeat("ž", 129), "password", "password_long"},
		{"10 MB", strings.Repeat("x", 10_000_000), strings.Repeat("x", 10_000_000), "password", "password_long"},
		{"common", "password", "password", "password", "password_common"},
		{"common in another case", "PassWord123", "PassWord123", "password", "password_common"},
		{"common with signs", "P@ssw0rd", "P@ssw0rd", "password", "password_common"},
		{"the address", "jane.doe+x@company.com", "jane.doe+x@company.com", "password", "password_address"},
		{"the address in another case", "JANE.DOE+X@company.COM", "JANE.DOE+X@company.COM", "password", "password_address"},
		{"typed differently", "kq7!fzwm", "kq7!fzwn", "password_confirm", "password_differs"},
		{"typed once", "kq7!fzwm", "", "password_confirm", "password_differs"},
		{"other case", "kq7!fzwm", "KQ7!FZWM", "password_confirm", "password_differs"},
		{"trailing blank", "kq7!fzwm", "kq7!fzwm ", "password_confirm", "password_differs"},
		{"composed and decomposed", "kq7!fz\u017e", "kq7!fzz\u030c", "password", "password_short"},
		{"composed and decomposed, long enough", "kq7!fzw\u017e", "kq7!fzwz\u030c", "password_confirm", "password_differs"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := app.CheckPassword(tt.password, tt.confirm, addr)
			if tt.reason == "" {
				if err != nil {
					t.Errorf("CheckPassword(%q) = %v, want nil", short(tt.password), err)
				}
				return
			}
			wantError(t, err, app.Invalid, tt.field, tt.reason)
			if len(tt.password) > len("password") && strings.Contains(app.MessageOf(err), tt.password) {
				t.Errorf("the message repeats the password: %q", app.MessageOf(err))
			}
		})
	}
}

// ASVS 11.4.2 and the OWASP password storage cheat sheet: the parameters are a promise.
func TestHashIsPHC(t *testing.T) {
	h := app.NewHasher(app.DefaultArgon2, 1)
	phc := hash(t, h, "kq7!fzwm")
	if want := regexp.MustCompile(`^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`); !want.MatchString(phc) {
		t.Errorf("Hash = %q, want %s", phc, want)
	}
	// The reference: the same key by the library alone.
	parts := strings.Split(phc, "$")
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil || len(salt) != 16 {
		t.Fatalf("salt %q: %d bytes, %v; want 16", parts[4], len(salt), err)
	}
	key := argon2.IDKey([]byte("kq7!fzwm"), salt, 2, 19456, 1, 32)
	if got, want := parts[5], base64.RawStdEncoding.EncodeToString(key); got != want {
		t.Errorf("key = %q, want %q", got, want)
	}
	if ok, stale := verify(t, h, phc, "kq7!fzwm"); !ok || stale {
		t.Errorf("Verify = %v, stale %v; want true, false", ok, stale)
	}
	if ok, _ := verify(t, h, phc, "kq7!fzwn"); ok {
		t.Error("Verify of a wrong password = true")
	}
}

func TestHashIsSalted(t *testing.T) {
	h := app.NewHasher(cheap, 1)
	if a, b := hash(t, h, "kq7!fzwm"), hash(t, h, "kq7!fzwm"); a == b {
		t.Errorf("two hashes of one password are the same: %q", a)
	}
}

// A password is used exactly as it was received.
func TestVerifyIsExact(t *testing.T) {
	h := app.NewHasher(cheap, 1)
	long := strings.Repeat("x", 128)
	tests := []struct{ set, typed string }{
		{"kq7!fzwm", "KQ7!fzwm"},
		{"kq7!fzwm", " kq7!fzwm"},
		{"kq7!fzwm", "kq7!fzwm "},
		{"kq7!fzwm ", "kq7!fzwm"},
		{"kq7!fzwm", "kq7!fzwm\n"},
		{"kq7!fzw\u017e", "kq7!fzwz\u030c"},
		{"kq7!fzw\uff41", "kq7!fzwa"},
		{"abcdefgh\x00ijkl", "abcdefgh"},
		{"abcdefgh\x00ijkl", "abcdefgh\x00ijkm"},
		{"abcdefgh", "abcdefgh\x00"},
		{long, long[:127]},
		{long, long + "x"},
		{long[:72] + "a", long[:72] + "b"},
		{"kq7!fzwm", ""},
		{"kq7!fzwm", "null"},
	}
	for _, tt := range tests {
		phc := hash(t, h, tt.set)
		if ok, _ := verify(t, h, phc, tt.set); !ok {
			t.Errorf("Verify of the right password %q = false", tt.set)
		}
		if ok, _ := verify(t, h, phc, tt.typed); ok {
			t.Errorf("Verify of %q with the password %q = true", tt.typed, tt.set)
		}
	}
}

func TestVerifyStale(t *testing.T) {
	const password = "kq7!fzwm"
	now := app.NewHasher(cheap, 1)
	for _, old := range []app.Argon2{
		{Memory: 32, Time: 1, Threads: 1}, {Memory: 64, Time: 2, Threads: 1}, {Memory: 64, Time: 1, Threads: 2}, {Memory: 128, Time: 1, Threads: 1},
	} {
		phc := hash(t, app.NewHasher(old, 1), password)
		if ok, stale := verify(t, now, phc, password); !ok || !stale {
			t.Errorf("Verify of a hash made with %+v = %v, stale %v; want true, true", old, ok, stale)
		}
		if ok, _ := verify(t, now, phc, "wrong"+password); ok {
			t.Errorf("Verify of a wrong password with %+v = true", old)
		}
	}
	if _, stale := verify(t, now, hash(t, now, password), password); stale {
		t.Error("a hash of today's parameters is stale")
	}
}

// damaged returns PHC strings that no hasher writes. The right password must not open them.
func damaged(phc string) []string {
	p := strings.Split(phc, "$")
	join := func(i int, part string) string {
		q := append([]string(nil), p...)
		q[i] = part
		return strings.Join(q, "$")
	}
	return []string{
		"null", "NULL", "$", "$$$$$", " ", "password", phc[1:], " " + phc, phc + "$", phc + "$x", phc + " ", phc + "\n", phc[:len(phc)-1], phc + "A",
		strings.ToUpper(phc), phc[:len(phc)/2], "x" + phc,
		join(1, "argon2i"), join(1, "argon2d"), join(1, ""), join(2, "v=16"), join(2, "v=18"), join(2, ""), join(2, "v=019"),
		join(3, ""), join(3, "m=64"), join(3, "m=64,t=1"), join(3, "t=1,m=64,p=1"), join(3, "m=64,t=1,p=1,x=1"), join(3, "m=64,t=1,p=1 "),
		join(3, "m=064,t=1,p=1"), join(3, "m= 64,t=1,p=1"), join(3, "m=+64,t=1,p=1"), join(3, "m=-1,t=1,p=1"), join(3, "m=64,t=0,p=1"), join(3, "m=64,t=1,p=0"),
		join(3, "m=64,t=1,p=256"), join(3, "m=64,t=1,p=257"), join(3, "m=4294967296,t=1,p=1"),
		join(4, ""), join(4, "!"), join(4, p[4]+"="), join(4, p[4]+"\n"), join(4, "\r\n"+p[4]), join(4, p[4]+"A"),
		join(5, ""), join(5, "AAAA"), join(5, p[5]+"\n"), join(5, p[5]+"="), join(5, strings.ReplaceAll(p[5], p[5][:1], "*")), join(5, strings.Repeat("A", 200)),
	}
}

func TestVerifyDamaged(t *testing.T) {
	const password = "kq7!fzwm"
	h := app.NewHasher(cheap, 1)
	phc := hash(t, h, password)
	for _, bad := range damaged(phc) {
		if ok, stale := verify(t, h, bad, password); ok || stale {
			t.Errorf("Verify(%q) = %v, stale %v; want false, false", bad, ok, stale)
		}
	}
	// Costs that would take minutes or all memory are not computed.
	for _, cost := range []string{"m=4194304,t=1,p=1", "m=1048577,t=1,p=1", "m=64,t=21,p=1", "m=64,t=4294967295,p=1", "m=4294967295,t=4294967295,p=255"} {
		bad := strings.Replace(phc, "m=64,t=1,p=1", cost, 1)
		var ok bool
		bytes := allocated(func() { ok, _ = verify(t, h, bad, password) })
		if ok || bytes > 1<<20 {
			t.Errorf("Verify(%q) = %v and took %d bytes, want false and the cost of today's parameters", bad, ok, bytes)
		}
	}
}

// No account and no password: nothing opens it.
func TestVerifyWithoutHash(t *testing.T) {
	h := app.NewHasher(cheap, 1)
	for _, password := range []string{"", "null", "NULL", "\x00", "password", strings.Repeat("A", 43), "<nil>", "false", "0"} {
		if ok, stale := verify(t, h, "", password); ok || stale {
			t.Errorf("Verify(no hash, %q) = %v, stale %v; want false, false", password, ok, stale)
		}
	}
}

// The dummy for an unknown address costs one whole hash, so that time does not tell who has an account. Memory is
// what argon2id is made to cost, and it can be counted where time cannot.
func TestVerifyWithoutHashCostsTheSame(t *testing.T) {
	params := app.Argon2{Memory: 8192, Time: 1, Threads: 1}
	h := app.NewHasher(params, 1)
	phc := hash(t, h, "kq7!fzwm")
	want := allocated(func() { verify(t, h, phc, "wrong password") })
	if least := uint64(params.Memory) * 1024; want < least {
		t.Fatalf("a real hash allocates %d bytes, want at least %d", want, least)
	}
	for name, phc := range map[string]string{"no hash": "", "a damaged hash": phc[:len(phc)-1], "a hash that is no PHC string": "null"} {
		got := allocated(func() { verify(t, h, phc, "wrong password") })
		if diff := max(got, want) - min(got, want); diff > want/100 {
			t.Errorf("%s: Verify allocates %d bytes, want what a real hash allocates, %d", name, got, want)
		}
	}
}

func allocated(work func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	work()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Not one hash is computed while all cores are taken, and as many at a time as cores are free.
func TestHasherCores(t *testing.T) {
	phc := hash(t, app.NewHasher(cheap, 1), "kq7!fzwm")
	for _, cores := range []int{1, 2, 4} {
		synctest.Test(t, func(t *testing.T) {
			h := app.NewHasher(cheap, cores)
			for range cores {
				if err := h.Occupy(t.Context()); err != nil {
					t.Fatalf("core: %v", err)
				}
			}
			var done atomic.Int64
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() {
					if i%2 == 0 {
						if _, err := h.Hash(t.Context(), "kq7!fzwm", app.HashBounds{}); err != nil {
							t.Errorf("Hash: %v", err)
						}
					} else if ok, _, err := h.Verify(t.Context(), phc, "kq7!fzwm", app.HashBounds{}); !ok || err != nil {
						t.Errorf("Verify = %v, %v", ok, err)
					}
					done.Add(1)
				})
			}
			synctest.Wait()
			if got := done.Load(); got != 0 {
				t.Errorf("%d cores, all taken: %d hashes were computed, want 0", cores, got)
			}
			h.Release()
			synctest.Wait()
			if got := done.Load(); got != 20 {
				t.Errorf("%d cores, one free: %d hashes were computed, want 20", cores, got)
			}
			// What was taken is given back: the other cores are still taken, this one is free.
			if err := h.Occupy(t.Context()); err != nil {
				t.Errorf("core after the hashes: %v", err)
			}
			expired, cancel := context.WithCancel(t.Context())
			cancel()
			if err := h.Occupy(expired); err == nil {
				t.Errorf("%d cores, all taken: one more was given", cores)
			}
			all.Wait()
		})
	}
}

func TestHasherQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const cores, queue = 2, 3
		h := app.NewHasher(cheap, cores)
		for range cores {
			if err := h.Occupy(t.Context()); err != nil {
				t.Fatalf("core: %v", err)
			}
		}
		waiting, giveUp := context.WithCancel(t.Context())
		var given, computed atomic.Int64
		var all sync.WaitGroup
		for i := range queue {
			ctx := t.Context()
			if i == 0 {
				ctx = waiting
			}
			all.Go(func() {
				switch _, err := h.Hash(ctx, "kq7!fzwm", app.HashBounds{Queue: queue}); {
				case err == nil:
					computed.Add(1)
				case app.CodeOf(err) == app.Unavailable:
					given.Add(1)
				default:
					t.Errorf("Hash: %v", err)
				}
			})
		}
		synctest.Wait()
		// The queue is full: nobody waits longer than that for an answer.
		for range 3 {
			_, err := h.Hash(t.Context(), "kq7!fzwm", app.HashBounds{Queue: queue})
			wantError(t, err, app.Unavailable, "", "busy")
			_, _, err = h.Verify(t.Context(), "", "kq7!fzwm", app.HashBounds{Queue: queue})
			wantError(t, err, app.Unavailable, "", "busy")
		}
		// Who gives up makes room for one.
		giveUp()
		synctest.Wait()
		if got := given.Load(); got != 1 {
			t.Errorf("%d gave up, want 1", got)
		}
		all.Go(func() {
			if _, err := h.Hash(t.Context(), "kq7!fzwm", app.HashBounds{Queue: queue}); err != nil {
				t.Errorf("Hash in the place of one who gave up: %v", err)
			}
			computed.Add(1)
		})
		synctest.Wait()
		_, err := h.Hash(t.Context(), "kq7!fzwm", app.HashBounds{Queue: queue})
		wantError(t, err, app.Unavailable, "", "busy")
		// 0 is no bound: it waits, and its own context ends it.
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = h.Hash(ended, "kq7!fzwm", app.HashBounds{})
		wantError(t, err, app.Unavailable, "", "busy")

		h.Release()
		all.Wait()
		if got := computed.Load(); got != queue {
			t.Errorf("%d of those who waited got their hash, want %d", got, queue)
		}
		h.Release()
		// All is as at the beginning: nobody is counted as waiting any more.
		for range 10 {
			if _, err := h.Hash(t.Context(), "kq7!fzwm", app.HashBounds{Queue: 1}); err != nil {
				t.Fatalf("Hash after all: %v", err)
			}
		}
	})
}

func TestHasherTurnsAwayWhoWaitsTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := app.NewHasher(app.DefaultArgon2, 0) // no core is ever free
		start := time.Now()
		_, err := h.Hash(t.Context(), "kq7!fzwm", app.HashBounds{Queue: 1, Wait: 10 * time.Second})
		if app.ReasonOf(err) != "busy" || time.Since(start) != 10*time.Second {
			t.Errorf("after %v: %v, want busy after 10 s", time.Since(start), err)
		}
		_, _, err = h.Verify(t.Context(), "", "kq7!fzwm", app.HashBounds{Queue: 1, Wait: time.Second})
		if app.ReasonOf(err) != "busy" {
			t.Errorf("the next one: %v, want busy, and the first to be gone from the queue", err)
		}
	})
}
