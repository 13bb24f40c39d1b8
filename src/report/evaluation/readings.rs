//! Explanations of the curves of an evaluation.

/// How to read the curves of a file, and what would be bad news.
pub(super) struct Reading {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) how: &'static str,
    pub(super) bad_news: &'static str,
}

/// Every picture of an evaluation.
pub(super) const READINGS: &[Reading] = &[
    Reading {
        name: "reliability",
        title: "Reliability",
        how: "Of all that was predicted with a confidence, that share should be right: the line \
         should follow the diagonal, above all where many items are.",
        bad_news: "a line below the diagonal, where the model is surer than it is right.",
    },
    Reading {
        name: "risk_coverage",
        title: "Risk against coverage",
        how: "The share that is wrong among the most certain ones, from few at the left to all at the \
         right: a good order stays low and rises late.",
        bad_news: "a line that is high at the left: the model is wrong where it is surest.",
    },
    Reading {
        name: "right_and_wrong",
        title: "Uncertainty of right against wrong",
        how: "How uncertain the right ones are, and the wrong ones: the two should lie apart.",
        bad_news: "two shapes that cover each other: the measure cannot tell them apart.",
    },
    Reading {
        name: "sparsification",
        title: "Sparsification",
        how: "What remains of the error when the most uncertain are taken away, against the best \
         order there is: a good measure falls as fast.",
        bad_news: "a line that stays level: what it calls uncertain is no worse than the rest.",
    },
    Reading {
        name: "in_and_out_of_distribution",
        title: "In against out of distribution",
        how: "Images like those of the training, and images of another kind, by each measure: the \
         second should lie further right.",
        bad_news: "two shapes that cover each other: strange images look as usual to the model.",
    },
    Reading {
        name: "patch_accuracy_patch_uncertainty",
        title: "Patch accuracy against patch uncertainty",
        how: "Shares of small patches, by the threshold above which one is called uncertain: accurate \
         if certain, and uncertain if inaccurate, should both be high somewhere.",
        bad_news: "no threshold at which both lines are high.",
    },
];
