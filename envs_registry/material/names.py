"""Names of people and places for generated texts; those of people are drawn together at random and mean nobody."""

from __future__ import annotations

from .pools import listed

FIRST = listed("""
Emma|Anna|Maria|Sara|Laura|Julia|Nina|Clara|Ella|Alice|Rosa|Lena|Eva|Ida|Nora|Mira|Tara|Leila|Amira|Nadia|Zara|Aisha
Fatima|Yara|Layla|Samira|Priya|Anita|Meera|Kavya|Asha|Divya|Mei|Lin|Yuki|Hana|Aiko|Sora|Min|Jia|Olga|Irina|Vera|Tanya
Katya|Marta|Ewa|Agata|Petra|Jana|Ivana|Mila|Elif|Derya|Ayla|Selin|Amara|Chioma|Ada|Zuri|Makena|Thandi|Lindi|Abena|Esi
Carmen|Lucia|Elena|Ines|Paula|Sofie|Bianca|Chiara|Giulia|Camille|Elise|Manon|Amelie|Ingrid|Astrid|Freya|Sigrid|Liv
Maja|Helen|Grace|Ruth|Judith|Susan|Karen|Linda|Carol|Joan|Megan|Bridget|Fiona|Isla|Peter|Paul|John|Tom|Sam|Ben|Max|Leo
Adam|David|Daniel|Martin|Simon|Robert|Mark|Luke|Oscar|Hugo|Felix|Victor|Omar|Ali|Hassan|Karim|Tariq|Yusuf|Samir|Bilal
Arjun|Ravi|Nitin|Rohan|Anil|Sanjay|Kiran|Wei|Jun|Kenji|Hiro|Takumi|Minho|Joon|Ivan|Boris|Oleg|Dmitri|Pavel|Tomas|Marek
Jakub|Filip|Emre|Mehmet|Kofi|Kwame|Tunde|Emeka|Sipho|Jabu|Carlos|Pedro|Diego|Luis|Mateo|Rafael|Bruno|Marco|Luca|Matteo
Antoine|Louis|Remy|Erik|Lars|Sven|Nils|Henrik|Gustav|George|Harry|Arthur|Alan|Colin|Neil|Ian|Sean|Patrick|Declan|Rory
Gavin|Russell|Trevor|Edgar|Walter|Roland|Conrad|Anton|Emil
""")

FAMILY = listed("""
Clark|Baker|Cooper|Turner|Walker|Parker|Mason|Fisher|Carter|Porter|Hunter|Potter|Weaver|Barker|Cole|Hayes|Reed|Wells
Brooks|Rivers|Marsh|Wood|Hill|Dale|Field|Lane|Banks|Holt|Pike|Stone|Cross|Page|Price|Sharp|Swift|Black|Brown|Green
Grey|White|Young|Short|Long|Little|Moody|Noble|Bright|Savage|Bell|Drake|Finch|Crane|Swan|Fox|Wolfe|Lamb|Bird|Bull
Bennett|Collins|Dawson|Elliott|Foster|Gibson|Harris|Howard|Ingram|Jarvis|Kemp|Lawson|Morris|Norris|Owens|Palmer|Quinn
Rowe|Sutton|Thorne|Upton|Vance|Watts|Yates|Abbott|Boyle|Casey|Doyle|Egan|Flynn|Gallagher|Hogan|Kelly|Lynch|Murphy
Nolan|Rooney|Walsh|Berg|Dahl|Lund|Holm|Lind|Nilsson|Larsen|Hansen|Olsen|Jensen|Sorensen|Bakke|Moen|Strand|Weber|Becker
Koch|Richter|Keller|Vogel|Lange|Krause|Brandt|Winkler|Bauer|Huber|Moser|Novak|Kovac|Horvat|Malek|Dvorak|Svoboda
Kowalski|Nowak|Wilk|Popov|Petrov|Volkov|Sokolov|Orlov|Belov|Ivanova|Rossi|Russo|Ferrari|Romano|Bianchi|Conti|Moretti
Costa|Silva|Santos|Pereira|Lopes|Almeida|Ramos|Garcia|Lopez|Torres|Ruiz|Vega|Molina|Herrera|Castillo|Rojas|Dubois
Moreau|Laurent|Lefevre|Girard|Mercier|Fontaine|Chevalier|Haddad|Khoury|Mansour|Nasser|Aziz|Rahman|Hussain|Malik|Iqbal
Khan|Patel|Shah|Mehta|Sharma|Gupta|Reddy|Nair|Rao|Iyer|Bose|Das|Perera|Wang|Zhang|Chen|Liu|Yang|Huang|Zhou|Wu|Tanaka
Suzuki|Sato|Ito|Mori|Kato|Ono|Ueda|Kim|Park|Choi|Jung|Kang|Nguyen|Tran|Pham|Okafor|Eze|Adeyemi|Bello|Mensah|Owusu
Asante|Banda|Phiri|Moyo|Ncube|Dlamini|Zulu|Khumalo|Mwangi|Otieno|Kamau|Abebe|Tesfaye|Demir|Yilmaz|Kaya|Aydin
""")

TOWNS = listed("""
Barcelona|Seville|Bilbao|Malaga|Porto|Braga|Coimbra|Lyon|Marseille|Lille|Nantes|Bordeaux|Dijon|Rouen|Milan|Turin
Naples|Bologna|Genoa|Pisa|Trieste|Munich|Hamburg|Cologne|Dresden|Leipzig|Bremen|Bonn|Kiel|Ulm|Graz|Linz|Salzburg
Zurich|Basel|Geneva|Lausanne|Antwerp|Ghent|Bruges|Utrecht|Rotterdam|Leiden|Delft|Aarhus|Odense|Bergen|Trondheim|Malmo
Uppsala|Turku|Tampere|Gdansk|Krakow|Poznan|Lublin|Brno|Ostrava|Split|Rijeka|Maribor|Plovdiv|Varna|Cluj|Patras|Izmir
Bursa|Leeds|Bristol|Bath|York|Cardiff|Dundee|Glasgow|Aberdeen|Belfast|Cork|Galway|Limerick|Boston|Chicago|Denver
Seattle|Portland|Memphis|Detroit|Miami|Atlanta|Tampa|Toronto|Montreal|Calgary|Vancouver|Halifax|Bogota|Cusco|Recife
Salvador|Cordoba|Rosario|Cartagena|Oran|Fez|Marrakesh|Casablanca|Lagos|Kano|Ibadan|Kumasi|Mombasa|Durban|Cape Town
Mumbai|Pune|Delhi|Chennai|Kolkata|Jaipur|Lahore|Karachi|Dhaka|Kandy|Chiang Mai|Hue|Da Nang|Cebu|Bandung|Osaka|Kyoto
Kobe|Nagoya|Sapporo|Busan|Daegu|Shanghai|Shenzhen|Wuhan|Harbin|Brisbane|Adelaide|Hobart|Cairns|Auckland|Dunedin
Tauranga|Samara|Perm
""")
"""Towns that are no capitals; none has the name of a person of `FIRST` or `FAMILY`."""
