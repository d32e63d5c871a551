package qti

// standardTemplate is a template of response processing that items name instead
// of writing rules.
type standardTemplate struct {
	file  string
	rules string
}

// standardTemplates are those of the specification by their names in lower case,
// and those of Common Cartridge. Their rules are written in QTI 3. Feedback is
// only set by items that declare it; see compiler.standard.
var standardTemplates = map[string]standardTemplate{
	"match_correct":          {"match_correct.xml", matchCorrect},
	"map_response":           {"map_response.xml", mapResponse},
	"map_response_point":     {"map_response_point.xml", mapResponsePoint},
	"cc2_match":              {"CC2_match.xml", matchCorrect + feedbackOf},
	"cc2_match_basic":        {"CC2_match_basic.xml", matchBasic},
	"cc2_map_response":       {"CC2_map_response.xml", mapResponse + feedbackOf},
	"cc2_map_response_point": {"CC2_map_response_point.xml", mapResponsePoint + feedbackOf},
}

const matchCorrect = `<qti-response-condition>
<qti-response-if><qti-match><qti-variable identifier="RESPONSE"/><qti-correct identifier="RESPONSE"/></qti-match>
<qti-set-outcome-value identifier="SCORE"><qti-base-value base-type="float">1</qti-base-value></qti-set-outcome-value></qti-response-if>
<qti-response-else><qti-set-outcome-value identifier="SCORE"><qti-base-value base-type="float">0</qti-base-value></qti-set-outcome-value></qti-response-else>
</qti-response-condition>`

const mapResponse = `<qti-response-condition>
<qti-response-if><qti-is-null><qti-variable identifier="RESPONSE"/></qti-is-null>
<qti-set-outcome-value identifier="SCORE"><qti-base-value base-type="float">0</qti-base-value></qti-set-outcome-value></qti-response-if>
<qti-response-else><qti-set-outcome-value identifier="SCORE"><qti-map-response identifier="RESPONSE"/></qti-set-outcome-value></qti-response-else>
</qti-response-condition>`

const mapResponsePoint = `<qti-response-condition>
<qti-response-if><qti-is-null><qti-variable identifier="RESPONSE"/></qti-is-null>
<qti-set-outcome-value identifier="SCORE"><qti-base-value base-type="float">0</qti-base-value></qti-set-outcome-value></qti-response-if>
<qti-response-else><qti-set-outcome-value identifier="SCORE"><qti-map-response-point identifier="RESPONSE"/></qti-set-outcome-value></qti-response-else>
</qti-response-condition>`

// matchBasic gives MAXSCORE and sets the feedback's name.
const matchBasic = `<qti-response-condition>
<qti-response-if><qti-match><qti-variable identifier="RESPONSE"/><qti-correct identifier="RESPONSE"/></qti-match>
<qti-set-outcome-value identifier="SCORE"><qti-variable identifier="MAXSCORE"/></qti-set-outcome-value>
<qti-set-outcome-value identifier="FEEDBACKBASIC"><qti-base-value base-type="identifier">correct</qti-base-value></qti-set-outcome-value></qti-response-if>
<qti-response-else><qti-set-outcome-value identifier="SCORE"><qti-base-value base-type="float">0</qti-base-value></qti-set-outcome-value>
<qti-set-outcome-value identifier="FEEDBACKBASIC"><qti-base-value base-type="identifier">incorrect</qti-base-value></qti-set-outcome-value></qti-response-else>
</qti-response-condition>`

// feedbackOf tells whether the full score was reached.
const feedbackOf = `<qti-response-condition>
<qti-response-if><qti-gte><qti-variable identifier="SCORE"/><qti-variable identifier="MAXSCORE"/></qti-gte>
<qti-set-outcome-value identifier="FEEDBACK"><qti-base-value base-type="identifier">correct</qti-base-value></qti-set-outcome-value></qti-response-if>
<qti-response-else><qti-set-outcome-value identifier="FEEDBACK"><qti-base-value base-type="identifier">incorrect</qti-base-value></qti-set-outcome-value></qti-response-else>
</qti-response-condition>`

// standard reads the rules of a standard template, whose lines are those of the
// element that names it. What they need and the item does not declare is
// declared: MAXSCORE is then 1.
func (c *compiler) standard(n *node, t standardTemplate) ([]*rule, error) {
	root, err := readXML("<qti-response-processing>" + t.rules + "</qti-response-processing>")
	if err != nil {
		return nil, err
	}
	if c.byName["MAXSCORE"] == nil && t.rules != matchCorrect && t.rules != mapResponse && t.rules != mapResponsePoint {
		c.builtIn("MAXSCORE", OutcomeVariable, Single, FloatType, Integer(1))
	}
	setLine(root, n.line)
	if only := c.onlyResponse(); c.byName["RESPONSE"] == nil && only != nil {
		// The templates are about RESPONSE. An item that calls its only response
		// otherwise can mean no other.
		c.byName["RESPONSE"] = only
		defer delete(c.byName, "RESPONSE")
	}
	return c.compileRules(root, 0), nil
}

// onlyResponse is the response of an item that has no other, or nil.
func (c *compiler) onlyResponse() *variable {
	var only *variable
	for _, v := range c.variables {
		if v.kind != ResponseVariable || v.implicit {
			continue
		}
		if only != nil {
			return nil
		}
		only = v
	}
	return only
}

func setLine(n *node, line int) {
	n.line = line
	for _, c := range n.children {
		setLine(c, line)
	}
}
