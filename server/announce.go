package server

import (
	"fmt"
	"net"
	"strconv"

	"foyer/app"
	"foyer/server/discovery"
)

// offer returns what the local network is told when the pages are served so: nothing when they are for this machine only.
func offer(settings app.Settings, listeners []app.PageListener) discovery.Offer {
	if settings.MDNSName == app.Off {
		return discovery.Offer{}
	}
	var best discovery.Offer
	for _, l := range listeners {
		_, text, err := net.SplitHostPort(l.Address)
		port, portErr := strconv.Atoi(text)
		if err != nil || portErr != nil || l.Error != "" || isLoopbackAddress(l.Address) || l.Kind != "http" && l.Kind != "https" {
			continue
		}
		if secure := l.Kind == "https"; best.Name == "" || secure && !best.Secure {
			best = discovery.Offer{Name: settings.MDNSName, Title: "Foyer - " + settings.SiteName, Port: port, Secure: secure}
		}
	}
	return best
}

// Announced returns the name that is told to the local network, "" for none.
func (s *Server) Announced() string { return s.announcer.Announced() }

func (s *Server) announcedChanged() {
	s.store.Changes().Tell(app.TopicAttention, app.TopicAddress)
}

// announceConcerns returns that another name is told than the setting says.
func (s *Server) announceConcerns() []app.Concern {
	name, announced := s.service.Settings().MDNSName, s.Announced()
	if announced == "" || announced == name {
		return nil
	}
	return []app.Concern{{
		Code: "mdns_conflict", Subject: "mdns.name", Args: map[string]string{"Name": name, "Announced": announced},
		Text: fmt.Sprintf("another machine in the local network is called %s, so this one is called %s there; choose another name with: foyer settings set mdns.name=NAME.local", name, announced),
	}}
}
