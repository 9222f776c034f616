// Sphinx's scores of what a search finds, and on top of them: pages that answer users before background, and a section
// whose title holds the very words before others.
var Scorer = {
  score: ([page, title, anchor, description, score, file, kind]) => {
    const answers = /^docs\/(start|howto)\/|^docs\/(troubleshooting|requirements|limits|cluster|reference\/terms)$/.test(page);
    const guide = /^docs\/\w+$/.test(page) && page !== "docs/campaigns";
    const background = /^(docs\/decisions|docs\/campaigns|benchmarks|src|CONTRIBUTING)/.test(page);
    return score + (answers ? 4 : guide ? 2 : background ? -2 : 0) + (kind === "title" ? 10 : 0);
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: {0: 15, 1: 5, 2: -5},
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
