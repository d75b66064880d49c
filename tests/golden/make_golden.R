# The numbers in golden.tsv, of the made data in golden_data.tsv; golden_versions.tsv says by which versions.
# Run in this folder: Rscript make_golden.R. The tests do not need R.
suppressMessages({
  library(sandwich); library(clubSandwich); library(coin); library(lme4); library(nlme); library(ordinal)
  library(BayesFactor)
})
packages <- c("sandwich", "clubSandwich", "coin", "lme4", "nlme", "ordinal", "BayesFactor")
write_table <- function(table, name)
  write.table(table, name, sep = "\t", quote = FALSE, row.names = FALSE, na = "n/a")

# ---- data: unequal arms and spreads, interleaved sites, ties, zeros, missing values; nothing is a palindrome
set.seed(20251122)
made <- function(data, arm, ..., spread = 1.8) {
  n <- length(arm)
  before <- rnorm(n, 0.2, 0.2)
  after <- 0.4 * before + 0.1 * arm + rnorm(n, 0, 0.15) * ifelse(arm == 1, spread, 1)
  later <- 0.3 * before + 0.5 * after + rnorm(n, 0.05, 0.12)
  score_before <- round(runif(n, 4, 24))
  score_after <- pmax(0, round(0.7 * score_before - 6 * arm - 9 * (after - before) + rnorm(n, 0, 3)))
  frame <- data.frame(data, id = seq_len(n), arm, site = "a", age = round(rnorm(n, 41, 11)),
                      before, after, later, score_before, score_after, item = NA)
  for (name in names(list(...))) frame[[name]] <- list(...)[[name]]
  frame[c("before", "after", "later")] <- round(frame[c("before", "after", "later")], 5)
  frame
}
lost <- function(column, rows) { column[rows] <- NA; column }

small <- made("arms-4-10", c(0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0))
big <- made("arms-10-30", as.numeric(1:46 %in% c(2, 3, 7, 13, 14, 22, 26, 31, 37, 40, 43, 45)),
            site = c("a", "b", "a", "c", "b")[(0:45 * 3) %% 5 + 1])
big$after <- lost(big$after, c(2, 9, 11, 26, 33))
big$before <- lost(big$before, c(5, 33))
big$score_after <- lost(big$score_after, c(4, 18, 40, 44))
stopifnot(table(big$arm[!is.na(big$after - big$before)]) == c(30, 10))
zeros <- made("zeros", as.numeric(1:28 %% 3 == 1))
zeros$score_after[order(zeros$score_after + runif(28))[1:17]] <- 0
zeros$item <- findInterval(zeros$score_before / 6 - 3 * (zeros$after - zeros$before) + rlogis(28), c(1, 2.5, 4))
seven <- made("seven", c(1, 0, 1, 0, 0, 1, 0), site = c("a", "b")[c(1, 2, 1, 2, 1, 2, 1)])
eight <- made("eight", c(0, 1, 1, 0, 0, 0, 1, 0), site = c("a", "b")[c(1, 2, 1, 2, 1, 2, 1, 2)])
nine <- made("nine", c(0, 1, 1, 0, 0, 0, 1, 1, 0), site = c("a", "b")[c(1, 2, 1, 2, 1, 2, 1, 2, 1)])
nine$before <- lost(nine$before, 1)
nine$later <- lost(nine$later, c(2, 5))
sessions <- made("sessions", rep(0, 19))
sessions$after <- lost(sessions$after, c(3, 8, 9))
sessions$later <- lost(sessions$later, c(8, 12, 15, 16, 19))
sessions$before <- lost(sessions$before, 16)
all_data <- rbind(small, big, zeros, seven, eight, nine, sessions)
write_table(all_data, "golden_data.tsv")
sets <- lapply(split(all_data, all_data$data), function(d) transform(d, change = after - before))

rows <- NULL
keep <- function(test, data, source, estimate = NA, error = NA, statistic = NA, df = NA, p = NA,
                 ci_low = NA, ci_high = NA, n = NA)
  rows <<- rbind(rows, data.frame(test, data, estimate, error, statistic, df, p, ci_low, ci_high, n, source))
with_t <- function(test, data, source, estimate, error, df, n = NA) {
  half <- qt(.975, df) * error
  keep(test, data, source, estimate, error, estimate / error, df, 2 * pt(-abs(estimate / error), df),
       estimate - half, estimate + half, n)
}

# ---- models, the tested column first, complete participants only
models <- list("arms-4-10" = after ~ arm + before,
               "arms-10-30" = after ~ arm + before + age + site,
               "zeros" = score_after ~ change + score_before + arm,
               "arms-10-30 association" = score_after ~ change + score_before + arm + age + site,
               "arms-10-30 moderation" = after ~ I((arm - mean(arm)) * (score_before - mean(score_before))) +
                 arm + score_before + before + age + site)
complete <- function(name) {
  data <- sets[[strsplit(name, " ")[[1]][1]]]
  needed <- union(all.vars(models[[name]]), if (grepl("association|moderation", name)) c("before", "after"))
  data[complete.cases(data[needed]), ]
}
# residuals with a variance for each group (Winkler et al. 2014, their v), degrees of freedom by Satterthwaite
own_variances <- function(fit, group) {
  X <- model.matrix(fit)
  weight <- (solve(crossprod(X)) %*% t(X))[2, ]
  df <- as.vector(tapply(1 - hat(X, FALSE), group, sum))
  part <- as.vector(tapply(weight^2, group, sum)) / df * rowsum(as.matrix(residuals(fit))^2, group)
  list(estimate = as.matrix(coef(fit))[2, ], error = sqrt(colSums(part)),
       df = colSums(part)^2 / colSums(part^2 / df),
       # for comparing arrangements each of several groups has 1.5 degrees of freedom less, and .5 at least
       compared = colSums(part)^2 / colSums(part^2 / (if (length(df) > 1) pmax(df - 1.5, .5) else df)))
}
ranked <- function(fit) {
  X <- apply(model.matrix(fit)[, -1, drop = FALSE], 2, rank)
  y <- rank(model.response(model.frame(fit)))
  lm(y ~ X)
}
for (name in names(models)) {
  data <- complete(name)
  fit <- lm(models[[name]], data)
  n <- nrow(data)
  error <- sqrt(vcovHC(fit, "HC3")[2, 2])
  with_t("hc3", name, "sandwich::vcovHC(HC3)", coef(fit)[2], error, df.residual(fit), n)
  cr2 <- vcovCR(fit, cluster = seq_len(n), type = "CR2")
  bm <- coef_test(fit, vcov = cr2, test = "Satterthwaite")[2, ]
  interval <- conf_int(fit, vcov = cr2, level = .95)[2, ]
  stopifnot(abs(bm$SE - sqrt(vcovHC(fit, "HC2")[2, 2])) < 1e-10)
  keep("hc2", name, "clubSandwich::coef_test(CR2, Satterthwaite)", bm$beta, bm$SE, bm$tstat, bm$df_Satt,
       bm$p_Satt, interval$CI_L, interval$CI_U, n)
  ninety <- conf_int(fit, vcov = cr2, level = .90)[2, ]
  keep("tost-hc2", name, "clubSandwich; pt", p = max(pt((bm$beta - .1) / bm$SE, bm$df_Satt),
       1 - pt((bm$beta + .1) / bm$SE, bm$df_Satt)), ci_low = ninety$CI_L, ci_high = ninety$CI_U)
  ols <- summary(fit)$coefficients[2, ]
  ols_interval <- confint(fit)[2, ]
  keep("ols", name, "lm", ols[1], ols[2], ols[3], df.residual(fit), ols[4], ols_interval[1], ols_interval[2], n)
  X <- model.matrix(fit)
  r <- cor(residuals(lm(model.response(model.frame(fit)) ~ X[, -2] - 1)), residuals(lm(X[, 2] ~ X[, -2] - 1)))
  ends <- tanh(atanh(r) + c(-1, 1) * qnorm(.975) / sqrt(n - ncol(X) - 1))
  keep("partial-pearson", name, "cor of residuals of lm", r, NA, ols[3], df.residual(fit), ols[4], ends[1], ends[2], n)
  v <- own_variances(fit, data$arm)
  with_t("group-variances", name, "lm, hat", v$estimate, v$error, v$df, n)
  by_ranks <- ranked(fit)
  ranks <- summary(by_ranks)$coefficients[2, ]
  frame <- as.data.frame(model.matrix(by_ranks))[, -1]
  rho <- cor(residuals(lm(model.response(model.frame(by_ranks)) ~ ., frame[-1])),
             residuals(lm(frame[[1]] ~ ., frame[-1])))
  # Bonett and Wright's error at each end, not at the estimate
  left <- n - ncol(frame) + 1
  end <- function(side) uniroot(function(r) side * (atanh(r) - atanh(rho)) -
    qnorm(.975) * sqrt((1 + r^2 / 2) / (left - 3)), sort(c(rho, side * (1 - 1e-9))), tol = 1e-12)$root
  keep("partial-spearman", name, "lm of ranks; cor of residuals", rho, NA, ranks[3], df.residual(by_ranks),
       ranks[4], end(-1), end(1), n)
  v <- own_variances(by_ranks, data$arm)
  with_t("group-variances by ranks", name, "lm of ranks, hat", v$estimate, v$error, v$df, n)
}
plain <- with(sets[["zeros"]], suppressWarnings(cor.test(change, score_after, method = "spearman", exact = FALSE)))
keep("spearman", "zeros", "stats::cor.test(spearman)", plain$estimate, p = plain$p.value, n = 28)

scale <- .707  # as JASP; BayesFactor's own "medium" is the root of 1/2
beside <- lm(change ~ score_before, sets[["zeros"]])
with_t("mean beside", "zeros", "sandwich::vcovHC(HC3)", coef(beside)[1], sqrt(vcovHC(beside, "HC3")[1, 1]),
       df.residual(beside), 28)
for (column in c("before", "after", "later")) {
  own <- sets[["nine"]][!is.na(sets[["nine"]][[column]]), ]
  fit <- lm(own[[column]] ~ age + arm, own)
  r <- cor(residuals(lm(own[[column]] ~ arm, own)), residuals(lm(age ~ arm, own)))
  keep("edge given arm", column, "cor of residuals of lm", r, df = df.residual(fit), p = coef(summary(fit))[2, 4],
       n = nrow(own))
}
# estimate / spread by variance estimates recovered (Donner & Zou 2012): 0 at an end of estimate - ratio * spread
recovered <- function(estimate, low, high, spread, df) {
  sds <- spread * sqrt(df / qchisq(c(.975, .025), df))
  limit <- function(ratio, side) {
    y <- ratio * spread
    ends <- sort(ratio * sds)
    if (side < 0) estimate - y - sqrt((estimate - low)^2 + (ends[2] - y)^2)
    else estimate - y + sqrt((high - estimate)^2 + (y - ends[1])^2)
  }
  sapply(c(-1, 1), function(side) uniroot(limit, c(-99, 99), side = side, tol = 1e-13)$root)
}
for (ends in list(c(.3, .1, .6), c(.3, -.2, .5), c(-.4, -.9, -.05))) {
  found <- recovered(ends[1], ends[2], ends[3], .5, 12)
  keep("standardised", paste(ends, collapse = " "), "uniroot", ends[1] / .5, ci_low = found[1], ci_high = found[2])
}
for (name in c("arms-4-10", "arms-10-30")) {
  data <- sets[[name]][complete.cases(sets[[name]]$change), ]
  first <- data$change[data$arm == 1]; second <- data$change[data$arm == 0]
  welch <- t.test(first, second)
  keep("welch", name, "stats::t.test", -diff(welch$estimate), welch$stderr, welch$statistic, welch$parameter,
       welch$p.value, welch$conf.int[1], welch$conf.int[2], nrow(data))
  paired <- t.test(data$after, data$before, paired = TRUE)
  keep("paired t", name, "stats::t.test", paired$estimate, paired$stderr, paired$statistic, paired$parameter,
       paired$p.value, paired$conf.int[1], paired$conf.int[2], nrow(data))
  above <- t.test(data$change, mu = -.1, alternative = "greater")$p.value
  below <- t.test(data$change, mu = .1, alternative = "less")$p.value
  ninety <- t.test(data$change, conf.level = .9)$conf.int
  keep("tost paired", name, "stats::t.test", p = max(above, below), ci_low = ninety[1], ci_high = ninety[2])
  keep("jzs one sample", name, "BayesFactor::ttestBF", exp(ttestBF(data$change, rscale = scale)@bayesFactor$bf))
  keep("jzs two samples", name, "BayesFactor::ttestBF", exp(ttestBF(first, second, rscale = scale)@bayesFactor$bf),
       statistic = t.test(first, second, var.equal = TRUE)$statistic, n = length(first))
  with(data, keep("correlation bf", name, "BayesFactor::correlationBF(rscale = 1)",
                  exp(correlationBF(before, after, rscale = 1)@bayesFactor$bf), statistic = cor(before, after)))
  signed <- wilcox.test(data$after, data$before, paired = TRUE, conf.int = TRUE, exact = TRUE)
  keep("signed ranks", name, "stats::wilcox.test", signed$estimate, statistic = signed$statistic,
       p = signed$p.value, ci_low = signed$conf.int[1], ci_high = signed$conf.int[2])
  sums <- wilcox.test(first, second, conf.int = TRUE, exact = TRUE)
  keep("rank sums", name, "stats::wilcox.test", sums$estimate, statistic = sums$statistic, p = sums$p.value,
       ci_low = sums$conf.int[1], ci_high = sums$conf.int[2])
  stopifnot(abs(pvalue(wilcox_test(change ~ factor(arm), data, distribution = "exact")) - sums$p.value) < 1e-10)
}
scores <- sets[["zeros"]]
signed <- wilcoxsign_test(score_after ~ score_before, scores, zero.method = "Wilcoxon")
keep("signed ranks with ties", "zeros", "coin::wilcoxsign_test", p = pvalue(signed))
sums <- wilcox.test(score_after ~ factor(arm, 1:0), scores, exact = FALSE)
keep("rank sums with ties", "zeros", "stats::wilcox.test", statistic = sums$statistic, p = sums$p.value)

# ---- every arrangement, refitted by lm
orders <- function(items) {
  if (length(items) < 2) return(matrix(items, 1))
  do.call(rbind, lapply(seq_along(items), function(i) cbind(items[i], orders(items[-i]))))
}
orders_within <- function(blocks) {
  found <- matrix(NA, 1, length(blocks))
  for (block in unique(blocks)) {
    places <- which(blocks == block)
    own <- orders(places)
    found <- found[rep(seq_len(nrow(found)), each = nrow(own)), , drop = FALSE]
    found[, places] <- own[rep(seq_len(nrow(own)), length.out = nrow(found)), ]
  }
  found
}
# t as a standard normal deviate, so that statistics of unlike degrees of freedom are comparable: by Wallace's
# approximation (1959), as the product does, and exactly, which may exchange the places of near neighbours
wallace <- function(t, df) sign(t) * (8 * df + 1) / (8 * df + 3) * sqrt(df * log1p(t^2 / df))
exact <- function(t, df) sign(t) * -qnorm(pt(-abs(t), df, log.p = TRUE), log.p = TRUE)
studentised <- function(y, x, Z, group) {
  fit <- lm(y ~ x + Z)
  v <- own_variances(fit, group)
  c(estimate = unname(v$estimate), t = unname(v$estimate / v$error), df = unname(v$df), compared = unname(v$compared))
}
# Freedman and Lane: residuals of the nuisance rearranged, added to its fit, and the whole model refitted
null_deviates <- function(y, x, Z, group, order, deviate = wallace) {
  reduced <- lm(y ~ Z)
  rearranged <- fitted(reduced) + apply(order, 1, function(o) residuals(reduced)[o])
  v <- own_variances(lm(rearranged ~ x + Z), group)
  deviate(v$estimate / v$error, v$compared)
}
share <- function(null, observed) mean(null >= observed - 1e-7)
p_of <- function(y, x, Z, group, order, side = 0, deviate = wallace) {
  found <- studentised(y, x, Z, group)
  observed <- deviate(found[["t"]], found[["compared"]])
  null <- null_deviates(y, x, Z, group, order, deviate)
  if (side == 0) share(abs(null), abs(observed)) else share(side * null, side * observed)
}
first_rejected <- function(y, x, Z, group, order, estimate, step, alpha) {
  rejected <- function(b) p_of(y - b * x, x, Z, group, order) <= alpha
  inside <- estimate
  repeat { if (rejected(inside + step)) break; inside <- inside + step; step <- 2 * step }
  outside <- inside + step
  for (i in 1:26) {
    middle <- (inside + outside) / 2
    if (rejected(middle)) outside <- middle else inside <- middle
  }
  inside
}
permuted <- function(test, data, tested, nuisance, within, by_group, interval = TRUE, by_ranks = FALSE) {
  d <- sets[[data]]
  y <- d$after; x <- d[[tested]]; Z <- as.matrix(nuisance(d))
  if (by_ranks) { y <- rank(y); x <- rank(x); Z <- apply(Z, 2, rank) }
  group <- if (by_group) d$arm else rep(0, nrow(d))
  order <- orders_within(if (within) d$site else rep("a", nrow(d)))
  found <- studentised(y, x, Z, group)
  ends <- if (interval) sapply(c(-1, 1), function(side) first_rejected(
    y, x, Z, group, order, found[["estimate"]], side * abs(found[["estimate"]] / found[["t"]]), .1)) else c(NA, NA)
  keep(test, data, "every order, refitted by lm", found[["estimate"]], NA, found[["t"]], found[["df"]],
       p_of(y, x, Z, group, order), ends[1], ends[2], nrow(order))
  keep(paste(test, "exact deviates"), data, "every order, refitted by lm; qnorm(pt)",
       p = p_of(y, x, Z, group, order, deviate = exact), n = nrow(order))
  keep(paste(test, "one-sided"), data, "every order, refitted by lm",
       p = p_of(y, x, Z, group, order, 1), n = nrow(order))
}
age <- function(d) cbind(d$age)
age_site <- function(d) cbind(d$age, d$site == "b")
permuted("freedman-lane", "seven", "before", age, FALSE, FALSE, interval = FALSE)
permuted("freedman-lane within sites", "seven", "before", age_site, TRUE, FALSE)
permuted("freedman-lane within sites, group variances", "eight", "arm", age, TRUE, TRUE)
permuted("freedman-lane within sites, group variances, site", "eight", "arm", age_site, TRUE, TRUE)
permuted("freedman-lane within sites, group variances, slope", "eight", "before", age, TRUE, TRUE)
permuted("ranks within sites, group variances", "eight", "before", age, TRUE, TRUE, FALSE, TRUE)

for (df in c(2.5, 4, 11.3, 60)) for (t in c(-.4, 1.9, 5)) keep("deviate", paste(t, df), "qnorm(pt)", exact(t, df))

signs_of <- function(n) as.matrix(expand.grid(rep(list(c(1, -1)), n)))
change <- sets[["seven"]]$change
flipped <- function(d) apply(signs_of(length(d)), 1, function(s) sum(s * d))
fit <- t.test(change)
flip_p <- function(m) share(abs(flipped(change - m)), abs(sum(change - m)))
grid_end <- function(side) {
  inside <- mean(change); outside <- inside + side * 10 * fit$stderr
  for (i in 1:40) { m <- (inside + outside) / 2; if (flip_p(m) <= .1) outside <- m else inside <- m }
  inside
}
keep("sign flips", "seven", "every pattern of signs", fit$estimate, fit$stderr, fit$statistic, fit$parameter,
     flip_p(0), grid_end(-1), grid_end(1), 2^7)
keep("sign flips one-sided", "seven", "every pattern of signs", p = share(-flipped(change), -sum(change)), n = 2^7)

# ---- families: one order for all tests, whoever is absent left out within the block
family <- function(name, responses, tested, own_of = function(data, column) NULL, by_ranks = FALSE) {
  d <- sets[["nine"]]
  order <- orders_within(d$site)
  found <- lapply(responses, function(column) {
    present <- !is.na(d[[column]])
    data <- d[present, ]
    y <- data[[if (is.null(tested)) column else "score_after"]]
    x <- if (is.null(tested)) data$arm else data[[column]]
    Z <- cbind(data$age)
    if (by_ranks) { y <- rank(y); x <- rank(x); Z <- apply(Z, 2, rank) }
    own <- t(apply(order, 1, function(o) {
      kept <- rep(NA, nrow(d))
      for (site in unique(d$site)) {
        places <- which(d$site == site & present)
        kept[places] <- o[d$site == site][present[o[d$site == site]]]
      }
      match(kept[present], which(present))
    }))
    fit <- studentised(y, x, Z, data$arm)
    list(fit = fit, n = nrow(data), observed = abs(wallace(fit[["t"]], fit[["compared"]])),
         null = abs(null_deviates(y, x, Z, data$arm, own)))
  })
  largest <- do.call(pmax, lapply(found, `[[`, "null"))
  for (i in seq_along(responses)) with(found[[i]], {
    keep(name, responses[i], "every order within sites, refitted by lm", fit[["estimate"]], NA, fit[["t"]],
         fit[["df"]], share(null, observed), n = n)
    keep(paste(name, "p_fwer"), responses[i], "largest deviate of every order", p = share(largest, observed), n = n)
  })
}
family("family of arms", c("before", "after", "later"), NULL)
family("family of slopes by ranks", c("before", "after", "later"), "score_after", by_ranks = TRUE)
d <- sets[["nine"]]
patterns <- signs_of(9)
means <- lapply(c("before", "after", "later"), function(column) {
  own <- d[[column]] - .15
  t_of <- function(v) { v <- v[!is.na(v)]; wallace(mean(v) / sd(v) * sqrt(length(v)), length(v) - 1) }
  list(fit = t.test(own), observed = abs(t_of(own)), null = abs(apply(patterns, 1, function(s) t_of(s * own))))
})
largest <- do.call(pmax, lapply(means, `[[`, "null"))
for (i in 1:3) with(means[[i]], {
  keep("family of means", c("before", "after", "later")[i], "every pattern of signs", fit$estimate, fit$stderr,
       fit$statistic, fit$parameter, share(null, observed))
  keep("family of means p_fwer", c("before", "after", "later")[i], "largest deviate of every pattern",
       p = share(largest, observed))
})

# ---- van Elteren: every assignment within sites; coin has the same statistic and variance
elteren <- transform(d, y = after, arm_ = factor(arm, 1:0), site_ = factor(site))
ranks <- ave(elteren$y, elteren$site, FUN = function(v) rank(v) / (length(v) + 1))
statistic <- sum(ranks[d$arm == 1])
null <- apply(orders_within(d$site), 1, function(o) sum(ranks[o][d$arm == 1]))
p <- share(abs(null - mean(null)), abs(statistic - mean(null)))
theirs <- independence_test(y ~ arm_ | site_, elteren, teststat = "scalar",
  ytrafo = function(data) trafo(data, numeric_trafo = function(v) rank(v) / (length(v) + 1), block = elteren$site_))
stopifnot(abs(statistic(theirs, "linear") - statistic) < 1e-10,
          abs(variance(theirs) - mean((null - mean(null))^2)) < 1e-10)
keep("van elteren", "nine", "coin::independence_test; every assignment", statistic = statistic, p = p)

# ---- mixed models, ordinal models, Bayes factors of t, power, corrections
long <- do.call(rbind, lapply(c("before", "after", "later"), function(time)
  data.frame(id = sets$sessions$id, time, z = sets$sessions[[time]])))
long <- long[!is.na(long$z), ]
long$time <- factor(long$time, c("before", "after", "later"))
mixed <- lme(z ~ time, long, random = ~ 1 | id, control = lmeControl(msTol = 1e-14, tolerance = 1e-14))
table <- summary(mixed)$tTable
again <- lmer(z ~ time + (1 | id), long, control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-12)))
stopifnot(max(abs(table[, 1:2] - coef(summary(again))[, 1:2])) < 1e-8)
for (time in c("after", "later")) {
  own <- table[paste0("time", time), ]
  keep("mixed model", time, "nlme::lme (lme4::lmer alike)", own[1], own[2], own[4], own[3], own[5],
       own[1] - qt(.975, own[3]) * own[2], own[1] + qt(.975, own[3]) * own[2], nrow(long))
}
for (model in list(item ~ change + score_before, item ~ arm + score_before + change)) {
  data <- transform(sets$zeros, item = factor(item, ordered = TRUE))
  fit <- clm(model, data = data)
  own <- summary(fit)$coefficients[all.vars(model)[2], ]
  keep("proportional odds", all.vars(model)[2], "ordinal::clm", own[1], own[2], own[3], NA, own[4],
       own[1] - qnorm(.975) * own[2], own[1] + qnorm(.975) * own[2])
}
for (t in c(0, -2.3, 7.5)) {
  keep("jzs t of 13", format(t), "BayesFactor::ttest.tstat", ttest.tstat(t, 13, rscale = scale, simple = TRUE), statistic = t)
  keep("jzs t of 4 and 11", format(t), "BayesFactor::ttest.tstat", ttest.tstat(t, 4, 11, rscale = scale, simple = TRUE), statistic = t)
}
strict <- function(n, type) power.t.test(n = n, power = .8, type = type, strict = TRUE, tol = 1e-10)$delta
keep("detectable", "one sample of 14", "stats::power.t.test", strict(14, "one.sample"))
keep("detectable", "two samples of 14", "stats::power.t.test", strict(14, "two.sample"))
edge <- qt(.975, 38)
keep("detectable", "samples of 10 and 30", "stats::pt, noncentral", uniroot(function(delta) {
  ncp <- delta * sqrt(10 * 30 / 40)
  pt(edge, 38, ncp, lower.tail = FALSE) + pt(-edge, 38, ncp) - .8
}, c(.1, 3), tol = 1e-12)$root)
p <- c(.011, .2, NA, .0004, .011, .74, .03, .049)
for (method in c("holm", "BH"))
  for (i in seq_along(p)) keep(method, "eight p", "stats::p.adjust", p[i], p = p.adjust(p, method)[i])

numbers <- c("estimate", "error", "statistic", "df", "p", "ci_low", "ci_high")
rows[numbers] <- lapply(rows[numbers], function(column) signif(as.numeric(column), 10))
write_table(rows, "golden.tsv")
packages <- c(packages, "lmerTest", "pbkrtest")  # of mmrm.R
versions <- sapply(packages, function(name) as.character(packageVersion(name)))
write_table(data.frame(name = c("R", packages), version = c(as.character(getRversion()), versions)),
            "golden_versions.tsv")
