package server_test

import (
	"testing"

	"foyer/app"
	"foyer/server"
	mdns "foyer/server/discovery"
)

func TestOffer(t *testing.T) {
	on := app.Settings{SiteName: "Office", MDNSName: "foyer.local"}
	http := func(address string) app.PageListener { return app.PageListener{Address: address, Kind: "http"} }
	https := app.PageListener{Address: "[::]:443", Kind: "https"}
	for name, tt := range map[string]struct {
		settings  app.Settings
		listeners []app.PageListener
		want      mdns.Offer
	}{
		"everywhere":   {on, []app.PageListener{http("[::]:8080")}, mdns.Offer{Name: "foyer.local", Title: "Foyer - Office", Port: 8080}},
		"an address":   {on, []app.PageListener{http("192.168.1.5:80")}, mdns.Offer{Name: "foyer.local", Title: "Foyer - Office", Port: 80}},
		"https":        {on, []app.PageListener{http("[::]:8080"), https}, mdns.Offer{Name: "foyer.local", Title: "Foyer - Office", Port: 443, Secure: true}},
		"redirecting":  {on, []app.PageListener{{Address: "[::]:80", Kind: "redirect"}, https}, mdns.Offer{Name: "foyer.local", Title: "Foyer - Office", Port: 443, Secure: true}},
		"loopback":     {on, []app.PageListener{http("127.0.0.1:8080"), http("[::1]:8080")}, mdns.Offer{}},
		"not served":   {on, []app.PageListener{{Address: "[::]:80", Kind: "http", Error: "taken"}}, mdns.Offer{}},
		"switched off": {app.Settings{MDNSName: "off"}, []app.PageListener{http("[::]:8080")}, mdns.Offer{}},
	} {
		if got := server.Offer(tt.settings, tt.listeners); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
	}
}
