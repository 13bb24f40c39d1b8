//! How tables and curves are read, and what would be bad news.

/// A table of scores.
pub(super) struct Question {
    pub(super) metric: &'static str,
    pub(super) title: &'static str,
    /// The head of its column.
    pub(super) unit: &'static str,
    /// How to read it.
    pub(super) reading: &'static str,
}

/// How to read the curves of a file, and what would be bad news.
pub(super) struct Reading {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) how: &'static str,
    pub(super) bad_news: &'static str,
}

/// What scores may find.
pub(super) const FOUND: &[Question] = &[
    Question {
        metric: "misclassification.auroc",
        title: "Do the measures find what is wrong?",
        unit: "AUROC",
        reading: "The probability that something wrong has a higher value than something right: .5 is no \
         use, 1 is perfect. Where the last column holds 0, these images show no difference to \
         the plain softmax.",
    },
    Question {
        metric: "augrc",
        title: "How much goes wrong unnoticed?",
        unit: "AUGRC",
        reading: "The share of all that is answered and wrong, when the least certain are refused, on \
         average over how many are refused: small is good, and half of the error rate is what \
         refusing at random gives.",
    },
    Question {
        metric: "ood.auroc",
        title: "Are images of another kind told apart?",
        unit: "AUROC",
        reading: "The probability that an image of another kind has a higher value than one of these: .5 \
         is no use, 1 is perfect.",
    },
    Question {
        metric: "ood_pixel.auroc",
        title: "Are pixels of another kind told apart?",
        unit: "AUROC",
        reading: "The probability that a pixel of another kind has a higher value than one that is not: \
         .5 is no use, 1 is perfect.",
    },
];

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
