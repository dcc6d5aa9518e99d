package crowd

// A name is one as it is written, and as an address has it.
type name struct{ name, latin string }

// names are given names, as people of an old store have them.
var names = []name{
	{"Anna", "anna"}, {"Bert", "bert"}, {"Carla", "carla"}, {"David", "david"}, {"Élodie", "elodie"}, {"François", "francois"},
	{"Grace", "grace"}, {"Håkon", "hakon"}, {"İpek", "ipek"}, {"Jürgen", "juergen"}, {"Katarzyna", "katarzyna"}, {"Łukasz", "lukasz"},
	{"Мария", "maria"}, {"Николай", "nikolai"}, {"Ólafur", "olafur"}, {"Παύλος", "pavlos"}, {"陽子", "yoko"}, {"Rosa", "rosa"},
	{"Søren", "soeren"}, {"Thị", "thi"}, {"Ümit", "uemit"}, {"Victor", "victor"}, {"William", "william"}, {"Zoë", "zoe"},
}

// families are family names.
var families = []name{
	{"Ågren", "aagren"}, {"Brown", "brown"}, {"Çelik", "celik"}, {"Dvořák", "dvorak"}, {"Evans", "evans"}, {"Fernández", "fernandez"},
	{"García", "garcia"}, {"Horváth", "horvath"}, {"Иванова", "ivanova"}, {"Jones", "jones"}, {"Kowalczyk", "kowalczyk"}, {"Lefèvre", "lefevre"},
	{"Müller", "mueller"}, {"Nguyễn", "nguyen"}, {"O", "o"}, {"Papadopoulos", "papadopoulos"}, {"Rossi", "rossi"}, {"Straße", "strasse"},
	{"田中", "tanaka"}, {"Weiß", "weiss"},
}

// domains are where people have their mail.
var domains = []string{"example.org", "example.com", "example.net", "mail.example.org", "post.example.com"}
