package moodlexml

import "strings"

// mapper fills the item of a question.
type mapper func(*question) error

// mapperOf returns how questions of a type are read; nil for those that are not.
func mapperOf(kind string) mapper {
	switch kind {
	case "multichoice":
		return (*question).multichoice
	case "truefalse":
		return (*question).trueFalse
	case "shortanswer":
		return (*question).shortAnswer
	case "numerical":
		return (*question).numerical
	case "matching", "match", "ddmatch":
		return (*question).match
	case "essay":
		return (*question).essay
	case "description":
		return (*question).description
	case "cloze", "multianswer":
		return (*question).cloze
	case "calculated", "calculatedsimple", "calculatedmulti":
		return (*question).calculated
	case "gapselect":
		return (*question).gapSelect
	case "ddwtos":
		return (*question).dragIntoText
	case "ddimageortext":
		return (*question).dragOntoImage
	case "ddmarker":
		return (*question).markers
	case "ordering":
		return (*question).ordering
	case "gapfill":
		return (*question).gapFill
	case "kprime", "mtf":
		return (*question).rows
	case "multichoiceset":
		return (*question).choiceSet
	case "oumultiresponse":
		return (*question).multiResponse
	case "essayautograde", "aitext", "essaysimilarity":
		return (*question).gradedEssay
	}
	return nil
}

// unknownType says why questions of a type are not taken over.
func unknownType(kind string) error {
	var why string
	switch kind {
	case "":
		return refuse("it has no type")
	case "random":
		why = "it stands for any question of a category; draw from the bank by a rule instead"
	case "randomsamatch":
		why = "it is made of other questions of its category while it is answered"
	case "missingtype":
		why = "the Moodle that exported it did not know its type any more"
	case "stack":
		why = "it is scored by programs for the computer algebra system Maxima"
	case "coderunner", "vplquestion", "vpl", "proforma", "sqlupiti", "moodlecode":
		why = "it is scored by running the learner's program"
	case "formulas", "varnumeric", "varnumericset", "varnumunit", "multinumerical", "calculatedformat", "algebra", "dynamiccalculation":
		why = "its key is written in a language of its type, for which there is no interpreter here"
	case "pmatch", "preg", "regexp", "correctwriting", "writeregex", "pmatchjme":
		why = "it compares texts in a language of its type, for which there is no interpreter here"
	case "drawing", "geogebra", "jme", "easyonewman", "easyonamejs", "easyomech", "easyofischer", "easyoselect", "jsxgraph", "molsimilarity", "musickey", "musictheory", "mapleta", "sketch", "freehanddrawing", "graphic":
		why = "its input is a program of its type"
	case "poodllrecording", "recordrtc", "ubhotspots", "imagetarget", "cloudpoodll":
		why = "its kind of response is not known here"
	default:
		if strings.HasSuffix(kind, "wiris") {
			why = "its values and its key are computed by WIRIS"
		} else {
			why = "the type is not known here"
		}
	}
	return refuse("%s", why)
}
