# The numbers in mmrm.tsv: lme4/lmerTest/pbkrtest (Kenward and Roger), nlme::gls for the likelihood.
# Run in this folder: Rscript mmrm.R. The tests do not need R.
suppressMessages({library(nlme); library(lmerTest); library(pbkrtest)})
set.seed(20251122)
n <- 37; times <- 3
data <- data.frame(id = seq_len(n), arm = as.numeric(seq_len(n) %% 5 < 2))
data$age <- round(rnorm(n, 41, 11))
data$baseline <- round(rnorm(n, 0.2, 0.2), 3)
sigma <- matrix(c(1, .5, .2, .5, 1.4, .7, .2, .7, 2), 3) * 0.15^2
noise <- matrix(rnorm(n * times), n) %*% chol(sigma) * ifelse(data$arm == 1, 1.5, 1)
means <- outer(data$baseline, c(.6, .5, .3)) + outer(data$arm, c(.1, .05, -.1)) + outer(data$age, c(0, .002, .004))
z <- round(means + noise, 3)
# the later the session and the lower the baseline, the more are missing; some come back
z[matrix(runif(n * times), n) < outer(.5 - data$baseline, c(.2, .5, .8))] <- NA
wide <- cbind(data, z1 = z[, 1], z2 = z[, 2], z3 = z[, 3])
write.table(wide, "mmrm_data.tsv", sep = "\t", quote = FALSE, row.names = FALSE, na = "n/a")

long <- do.call(rbind, lapply(1:3, function(t) cbind(data, time = t, z = z[, t])))
long <- long[!is.na(long$z), ]
long$t <- factor(long$time)
for (t in 1:3) {
  long[[paste0("k", t)]] <- as.numeric(long$time == t & long$arm == 1)
  long[[paste0("c", t)]] <- as.numeric(long$time == t & long$arm == 0)
}
fixed <- "z ~ 0 + t + t:arm + t:baseline + t:age"
# a residual beside an unstructured covariance adds nothing to it: the sum of both is what is fitted
control <- lmerControl(optimizer = "bobyqa", check.nobs.vs.nRE = "ignore", calc.derivs = FALSE,
                       optCtrl = list(rhoend = 1e-12, maxfun = 1e6))
terms <- c("unstructured" = "(0 + t | id)",
           "unstructured-by-arm" = "(0 + k1 + k2 + k3 | id) + (0 + c1 + c2 + c3 | id)",
           "compound-symmetry" = "(1 | id)")
rows <- NULL
for (structure in names(terms)) {
  fit <- suppressWarnings(suppressMessages(
    lmer(as.formula(paste(fixed, "+", terms[structure])), long, control = control)))
  table <- coef(summary(fit, ddf = "Kenward-Roger"))[paste0("t", 1:3, ":arm"), ]
  rows <- rbind(rows, data.frame(structure, time = 1:3, estimate = table[, 1], error = table[, 2],
                                 df = table[, 3], p = table[, 5]))
}
gls <- gls(as.formula(fixed), long, correlation = corSymm(form = ~ time | id),
           weights = varIdent(form = ~ 1 | t),
           control = glsControl(opt = "optim", msMaxIter = 1000, tolerance = 1e-12))
table <- summary(gls)$tTable[paste0("t", 1:3, ":arm"), ]
rows <- rbind(rows, data.frame(structure = "gls", time = 1:3, estimate = table[, 1],
                               error = table[, 2], df = NA, p = NA))
rows[3:6] <- lapply(rows[3:6], signif, 8)
write.table(rows, "mmrm.tsv", sep = "\t", quote = FALSE, row.names = FALSE, na = "n/a")
