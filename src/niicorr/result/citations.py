"""What the methods paragraph may cite."""

from __future__ import annotations

REFERENCES = {
    "Abraham et al., 2014": "Abraham A, Pedregosa F, Eickenberg M, Gervais P, Mueller A, Kossaifi J, Gramfort A, "
    "Thirion B & Varoquaux G (2014). Machine learning for neuroimaging with scikit-learn. Frontiers in "
    "Neuroinformatics 8, 14. doi:10.3389/fninf.2014.00014",
    "Afyouni et al., 2019": "Afyouni S, Smith SM & Nichols TE (2019). Effective degrees of freedom of the Pearson's "
    "correlation coefficient under autocorrelation. NeuroImage 199, 609–625. doi:10.1016/j.neuroimage.2019.05.011",
    "Benjamini & Hochberg, 1995": "Benjamini Y & Hochberg Y (1995). Controlling the false discovery rate: a practical "
    "and powerful approach to multiple testing. Journal of the Royal Statistical Society B 57, 289–300. "
    "doi:10.1111/j.2517-6161.1995.tb02031.x",
    "Benjamini & Yekutieli, 2001": "Benjamini Y & Yekutieli D (2001). The control of the false discovery rate in "
    "multiple testing under dependency. Annals of Statistics 29, 1165–1188. doi:10.1214/aos/1013699998",
    "Burt et al., 2020": "Burt JB, Helmer M, Shinn M, Anticevic A & Murray JD (2020). Generative modeling of brain "
    "maps with spatial autocorrelation. NeuroImage 220, 117038. doi:10.1016/j.neuroimage.2020.117038",
    "Clifford et al., 1989": "Clifford P, Richardson S & Hémon D (1989). Assessing the significance of the correlation "
    "between two spatial processes. Biometrics 45, 123–134. doi:10.2307/2532039",
    "Dice, 1945": "Dice LR (1945). Measures of the amount of ecologic association between species. Ecology 26, "
    "297–302. doi:10.2307/1932409",
    "Dietrich & Newsam, 1997": "Dietrich CR & Newsam GN (1997). Fast and exact simulation of stationary Gaussian "
    "processes through circulant embedding of the covariance matrix. SIAM Journal on Scientific Computing 18, "
    "1088–1107. doi:10.1137/S1064827592240555",
    "Dutilleul, 1993": "Dutilleul P (1993). Modifying the t test for assessing the correlation between two spatial "
    "processes. Biometrics 49, 305–314. doi:10.2307/2532625",
    "Fisher, 1915": "Fisher RA (1915). Frequency distribution of the values of the correlation coefficient in samples "
    "from an indefinitely large population. Biometrika 10, 507–521. doi:10.2307/2331838",
    "Freedman & Lane, 1983": "Freedman D & Lane D (1983). A nonstochastic interpretation of reported significance "
    "levels. Journal of Business & Economic Statistics 1, 292–298. doi:10.1080/07350015.1983.10487354",
    "Holm, 1979": "Holm S (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of "
    "Statistics 6, 65–70. https://www.jstor.org/stable/4615733",
    "Langfelder & Horvath, 2012": "Langfelder P & Horvath S (2012). Fast R functions for robust correlations and "
    "hierarchical clustering. Journal of Statistical Software 46 (11). doi:10.18637/jss.v046.i11",
    "Ledoit & Wolf, 2004": "Ledoit O & Wolf M (2004). A well-conditioned estimator for large-dimensional covariance "
    "matrices. Journal of Multivariate Analysis 88, 365–411. doi:10.1016/S0047-259X(03)00096-4",
    "Lin, 1989": "Lin LI (1989). A concordance correlation coefficient to evaluate reproducibility. Biometrics 45, "
    "255–268. doi:10.2307/2532051",
    "Nichols & Holmes, 2002": "Nichols TE & Holmes AP (2002). Nonparametric permutation tests for functional "
    "neuroimaging: a primer with examples. Human Brain Mapping 15, 1–25. doi:10.1002/hbm.1058",
    "Pearson, 1895": "Pearson K (1895). Note on regression and inheritance in the case of two parents. Proceedings of "
    "the Royal Society of London 58, 240–242. doi:10.1098/rspl.1895.0041",
    "Schoenberg, 1938": "Schoenberg IJ (1938). Metric spaces and completely monotone functions. Annals of "
    "Mathematics 39, 811–841. doi:10.2307/1968466",
    "Spearman, 1904": "Spearman C (1904). The proof and measurement of association between two things. American "
    "Journal of Psychology 15, 72–101. doi:10.2307/1412159",
    "Student, 1908": "Student (1908). The probable error of a mean. Biometrika 6, 1–25. doi:10.2307/2331554",
    "Varoquaux et al., 2010": "Varoquaux G, Baronnet F, Kleinschmidt A, Fillard P & Thirion B (2010). Detection of "
    "brain functional-connectivity difference in post-stroke patients using group-level covariance modeling. Medical "
    "Image Computing and Computer-Assisted Intervention 13, 200–208. doi:10.1007/978-3-642-15705-9_25",
    "Wagner & Dray, 2015": "Wagner HH & Dray S (2015). Generating spatially constrained null models for irregularly "
    "spaced data using Moran spectral randomization methods. Methods in Ecology and Evolution 6, 1169–1178. "
    "doi:10.1111/2041-210X.12407",
}
"""By the words that cite them, in the order of a list of references."""
