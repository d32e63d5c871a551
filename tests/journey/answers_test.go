package journey

import "github.com/lyceum-lms/platform/tests/platformtest"

// sheet is what a learner answers, by the title of the item.
type sheet map[string]platformtest.Answer

// rightAnswers solve everything in the demo course.
var rightAnswers = sheet{
	"Which torch?":                  {{"A dim red one"}},
	"Turning with the hours":        {{"45"}, {"4.5"}},
	"Which way round?":              {{"Against the clock"}},
	"Phase or eclipse?":             {{"The half of the Moon that the Sun does not reach"}},
	"What is true of the Moon?":     {{"The full Moon rises about sunset", "always shows us the same side"}},
	"From new Moon to new Moon":     {{"29.6"}},
	"Three planets":                 {{"brilliant white"}, {"below the horizon"}, {"orange-red"}, {"as high as due south"}, {"pale yellow"}, {"as high as due south"}},
	"The evening star":              {{"venus"}},
	"How much brighter?":            {{"100"}, {"100^(3.5/5)"}},
	"Old light":                     {{"499"}},
	"A letter for a colour":         {{"g2"}},
	"Full Moon at midnight":         {{"In the south"}},
	"Wanderers":                     {{"Mercury", "Jupiter", "Saturn"}},
	"The height of the Pole Star":   {{"52.5"}},
	"A constellation of the zodiac": {{"scorpio"}},
	"Brighter or fainter":           {{"A"}, {"6.31"}},
}

// but is the sheet with some answers replaced.
func (s sheet) but(others sheet) sheet {
	out := sheet{}
	for title, answer := range s {
		out[title] = answer
	}
	for title, answer := range others {
		out[title] = answer
	}
	return out
}
