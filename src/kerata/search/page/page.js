"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { objective, parameters, trials, measures } = data;
  const byNumber = new Map(trials.map((trial) => [trial.n, trial]));
  const state = { hover: null, pin: null, measure: 0, log: null, brushes: new Map(), passing: null };
  const sign = objective.direction === "max" ? 1 : -1;

  // -- elements

  const make = (tag, attributes = {}, parent = null, text = null) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== null) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  };
  const html = (tag, parent = null, text = null, attributes = {}) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== null) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  };
  const find = (id) => document.getElementById(id);
  const shorten = (text, letters) => (text.length > letters ? `${text.slice(0, Math.max(1, letters - 1))}…` : text);

  // -- numbers

  const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
  const label = (value) => {
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size < 1e-3 || size >= 1e6) return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
    return String(Number(value.toPrecision(4)));
  };
  const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(q * (sorted.length - 1))))];

  // A range that a few wild values cannot blow up. What lies beyond is drawn at the edge.
  const robust = (values, keep = []) => {
    const sorted = values.filter(isNumber).sort((a, b) => a - b);
    if (!sorted.length) return [0, 1];
    let [low, high] = [quantile(sorted, 0.04), quantile(sorted, 0.96)];
    const span = high - low || Math.abs(high) || 1;
    if (low - sorted[0] < 0.6 * span) low = sorted[0];
    if (sorted[sorted.length - 1] - high < 0.6 * span) high = sorted[sorted.length - 1];
    for (const value of keep.filter(isNumber)) [low, high] = [Math.min(low, value), Math.max(high, value)];
    return [low, high];
  };

  const makeScale = (low, high, from, to, log = false, pad = 0.04) => {
    const bend = log ? Math.log10 : (v) => v;
    const unbend = log ? (v) => 10 ** v : (v) => v;
    let [a, b] = [bend(low), bend(high)];
    if (a === b) [a, b] = [a - (Math.abs(a) * 0.1 || 0.5), b + (Math.abs(b) * 0.1 || 0.5)];
    const margin = (b - a) * pad;
    [a, b] = [a - margin, b + margin];
    const at = (value) => from + ((bend(value) - a) / (b - a)) * (to - from);
    const clamped = (value) => Math.min(Math.max(from, to), Math.max(Math.min(from, to), at(value)));
    const beyond = (value) => bend(value) < a || bend(value) > b;
    return { at, clamped, beyond, ticks: (count) => (log ? logTicks(a, b, count) : ticks(a, b, count)), unbend };
  };
  const ticks = (low, high, count) => {
    const rough = (high - low) / Math.max(1, count);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough) || rough;
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k += 1) found.push(Number((k * step).toPrecision(12)));
    return found;
  };
  const logTicks = (low, high, count) => {
    const factors = high - low > 2.5 ? [1] : high - low > 1 ? [1, 3] : [1, 2, 5];
    let found = [];
    for (let power = Math.floor(low); power <= Math.ceil(high); power += 1) {
      for (const factor of factors) {
        const value = Number((factor * 10 ** power).toPrecision(6));
        if (Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high + 1e-9) found.push(value);
      }
    }
    if (found.length < 2) return ticks(10 ** low, 10 ** high, 3).filter((v) => v > 0);
    const every = Math.ceil(found.length / Math.max(2, count));
    return found.filter((_, i) => i % every === 0);
  };

  // -- the trials' looks: six shades by rank, the best in its own colour

  const ranked = trials.filter((t) => t.state === "complete" && isNumber(t.score)).sort((a, b) => sign * (a.score - b.score));
  ranked.forEach((trial, place) => { trial.shade = ranked.length > 1 ? Math.floor((5.999 * place) / (ranked.length - 1)) : 5; });
  const look = (trial) => {
    if (trial.n === data.best) return "best";
    if (isNumber(trial.shade)) return `q${trial.shade}`;
    return ["pruned", "failed", "running", "waiting"].includes(trial.state) ? trial.state : "other";
  };
  // The best are drawn last, so that they lie on top.
  const height = (trial) => (trial.n === data.best ? 99 : isNumber(trial.shade) ? 10 + trial.shade : trial.state === "pruned" ? 1 : 0);
  const stacked = [...trials].sort((a, b) => height(a) - height(b));
  const best = data.best === null ? null : byNumber.get(data.best);

  // -- what is marked, and what passes the brushes

  const pictures = [];
  const active = () => state.hover ?? state.pin;
  const passes = (n) => state.passing === null || state.passing.has(n);
  const remark = () => pictures.forEach((picture) => picture.mark && picture.mark(byNumber.get(active()) || null));

  const sift = () => {
    if (!state.brushes.size) state.passing = null;
    else {
      state.passing = new Set(trials.filter((trial) => [...state.brushes].every(([axis, [from, to]]) => {
        const place = axes.length && axes[axis] ? axes[axis].share(trial) : null;
        return place !== null && place >= from && place <= to;
      })).map((trial) => trial.n));
    }
    document.querySelectorAll("svg [data-n]").forEach((node) => node.classList.toggle("off", !passes(Number(node.dataset.n))));
    document.querySelectorAll("#table tbody tr").forEach((row) => row.classList.toggle("off", !passes(Number(row.dataset.n))));
    const note = find("table-note");
    const words = "Click a column's name to sort by it, and a trial's number to mark it everywhere.";
    note.textContent = state.passing === null ? words : `${state.passing.size} of ${trials.length} trials pass the marked ranges. `;
    if (state.passing !== null) {
      const free = html("button", note, "Show all", { type: "button", class: "free" });
      free.addEventListener("click", () => { state.brushes.clear(); drawAll(); });
    }
  };

  const card = find("card");
  const fillCard = (trial, docked) => {
    card.replaceChildren();
    const words = { complete: "complete", pruned: "cut early", failed: "failed", running: "running", waiting: "waiting" };
    const score = isNumber(trial.score) ? `${objective.name} ${label(trial.score)}` : "";
    const spread = isNumber(trial.deviation) ? ` ± ${label(Number(trial.deviation.toPrecision(2)))}` : "";
    const epochs = trial.epochs === null ? "" : `${trial.epochs} epochs`;
    const first = html("p", card);
    html("b", first, `Trial ${trial.n}`);
    first.append(` · ${[words[trial.state] || trial.state, score + spread, epochs].filter(Boolean).join(" · ")}`);
    const list = html("dl", card);
    data.names.forEach((name, i) => {
      if (trial.values[i] === null) return;
      const pair = html("div", list);
      html("dt", pair, `${name} `);
      html("dd", pair, isNumber(trial.values[i]) ? label(trial.values[i]) : trial.values[i]);
    });
    if (docked) html("button", card, "Unmark", { type: "button" }).addEventListener("click", () => pin(null));
    card.className = docked ? "dock" : "float";
    card.hidden = false;
  };
  const showCard = (event = null) => {
    if (state.hover !== null && event) {
      fillCard(byNumber.get(state.hover), false);
      const box = card.getBoundingClientRect();
      const left = event.clientX + 18 + box.width > innerWidth ? event.clientX - box.width - 18 : event.clientX + 18;
      card.style.left = `${Math.max(8, left)}px`;
      card.style.top = `${Math.max(8, Math.min(event.clientY + 14, innerHeight - box.height - 8))}px`;
      return;
    }
    card.style.left = card.style.top = "";
    if (state.pin !== null && byNumber.has(state.pin)) fillCard(byNumber.get(state.pin), true);
    else card.hidden = true;
  };
  const hover = (n, event = null) => {
    if (n !== state.hover) { state.hover = n; remark(); }
    showCard(event);
  };
  const pin = (n) => {
    state.pin = n === state.pin ? null : n;
    state.hover = null;
    document.querySelectorAll("#table tbody tr").forEach((row) => row.classList.toggle("marked", Number(row.dataset.n) === state.pin));
    remark();
    showCard();
  };
  // Follows the pointer over a picture. `nearest` gives the number of the trial under it, or null.
  const follow = (svg, nearest) => {
    const place = (event) => {
      const box = svg.getBoundingClientRect();
      return nearest(event.clientX - box.left, event.clientY - box.top);
    };
    svg.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse" && !event.buttons) hover(place(event), event); });
    svg.addEventListener("pointerleave", () => hover(null));
    svg.addEventListener("click", (event) => {
      const n = place(event);
      if (n !== null || state.pin !== null) pin(n);
    });
  };

  // -- one frame for all pictures with two axes

  const frame = (host, size, x, y, words) => {
    const svg = make("svg", { width: size.width, height: size.height, role: "img", "aria-label": words.aria }, host);
    for (const value of y.ticks(size.height > 240 ? 7 : 5)) {
      make("line", { class: "gridline", x1: size.left, x2: size.width - size.right, y1: y.at(value), y2: y.at(value) }, svg);
      make("text", { x: size.left - 7, y: y.at(value) + 4, "text-anchor": "end" }, svg, label(value));
    }
    const base = size.height - size.bottom;
    make("line", { class: "axis", x1: size.left, x2: size.width - size.right, y1: base, y2: base }, svg);
    for (const [value, text] of words.ticks) {
      make("text", { x: x.at(value), y: base + 17, "text-anchor": "middle" }, svg, text);
    }
    if (words.x) make("text", { x: (size.left + size.width - size.right) / 2, y: size.height - 3, "text-anchor": "middle" }, svg, words.x);
    if (words.title) {
      const title = make("text", { class: "title", x: 0, y: 12 }, svg, shorten(words.title, Math.floor(size.width / 8.6)));
      make("title", {}, title, words.title);
    }
    return svg;
  };
  const clip = (svg, size) => {
    const id = `clip-${pictures.length}-${Math.random().toString(36).slice(2)}`;
    const path = make("clipPath", { id }, make("defs", {}, svg));
    const inner = { x: size.left - 2, y: size.top - 2, width: size.width - size.left - size.right + 4, height: size.height - size.top - size.bottom + 4 };
    make("rect", inner, path);
    return make("g", { "clip-path": `url(#${id})` }, svg);
  };
  const trace = (points) => {
    let text = "";
    let pen = "M";
    for (const point of points) {
      if (point === null) { pen = "M"; continue; }
      text += `${pen}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
      pen = "L";
    }
    return text;
  };
  // What counts (units, layers) has no half.
  const ticksOf = (parameter, scale, count) => scale.ticks(count).filter((v) => !parameter.whole || Number.isInteger(v));
  const wholeTicks = (low, high, count) => ticks(low, high, count).filter((v) => Number.isInteger(v));

  // -- curves

  const curvePoints = (pair, x, y, log) => {
    const [length, values] = pair;
    const grid = data.grids[length] || [];
    return values.map((value, i) => (isNumber(value) && (!log || value > 0) ? [x.at(grid[i] + 1), y.at(value)] : null));
  };
  const drawCurves = () => {
    const host = find("curves");
    const controls = find("curves-controls");
    host.replaceChildren();
    controls.replaceChildren();
    const drawn = stacked.filter((trial) => data.curves[trial.n]);
    if (!drawn.length) { find("curves-note").textContent = "No trial has curves yet."; return; }
    const of = (trial, side) => data.curves[trial.n][state.measure][side];
    const sides = [0, 1].filter((side) => drawn.some((trial) => of(trial, side)[1].some(isNumber)));
    const all = drawn.flatMap((trial) => sides.flatMap((side) => of(trial, side)[1]));
    const own = best && data.curves[best.n] ? sides.flatMap((side) => of(best, side)[1]) : [];
    let [low, high] = robust(all, own);
    const positive = all.filter((v) => isNumber(v) && v > 0).sort((a, b) => a - b);
    const canLog = positive.length > 0 && all.every((v) => !isNumber(v) || v >= 0) && quantile(positive, 0.98) > 4 * quantile(positive, 0.02);
    const log = canLog && (state.log === null ? measures[state.measure].includes("loss") && high > 30 * quantile(positive, 0.02) : state.log);
    if (log) low = Math.max(low, quantile(positive, 0.005));
    const last = Math.max(...drawn.flatMap((trial) => sides.map((side) => of(trial, side)[0])));

    measures.forEach((name, i) => {
      const button = html("button", controls, name, { type: "button", "aria-pressed": String(i === state.measure) });
      button.addEventListener("click", () => { state.measure = i; state.log = null; drawCurves(); find("curves-controls").children[i].focus(); });
    });
    html("span", controls, null, { class: "gap" });
    if (canLog) {
      const button = html("button", controls, "log scale", { type: "button", "aria-pressed": String(log) });
      button.addEventListener("click", () => { state.log = !log; drawCurves(); find("curves-controls").lastChild.focus(); });
    }

    host.classList.toggle("alone", sides.length < 2);
    const marks = sides.map((side) => {
      const cell = html("div", host);
      const size = { width: cell.clientWidth || 320, height: 300, left: 50, right: 8, top: 26, bottom: 36 };
      const x = makeScale(1, Math.max(2, last), size.left, size.width - size.right, false, 0.01);
      const y = makeScale(low, high, size.height - size.bottom, size.top, log);
      const title = `${["training", "validation"][side]} ${measures[state.measure]}`;
      const svg = frame(cell, size, x, y, { title, x: "epoch", ticks: wholeTicks(1, Math.max(2, last), 6).map((v) => [v, v]), aria: `${title} of ${drawn.length} trials by epoch` });
      const inside = clip(svg, size);
      const lines = drawn.map((trial) => ({ trial, points: curvePoints(of(trial, side), x, y, log) }));
      const lone = [];
      for (const { trial, points } of lines) {
        const known = points.filter(Boolean);
        // A curve of one epoch is a dot.
        if (known.length === 1) lone.push(make("circle", { class: `dot ${look(trial)}`, cx: known[0][0], cy: known[0][1], r: 3, "data-n": trial.n }, inside));
        else make("path", { class: `curve ${look(trial)}`, d: trace(points), "data-n": trial.n }, inside);
      }
      const folds = (trial, kind, parent) => (data.folds[trial.n] || []).forEach((fold) => {
        make("path", { class: `curve fold ${kind}`, d: trace(curvePoints(fold[state.measure][side], x, y, log)) }, parent);
      });
      if (best) folds(best, "best", inside);
      const over = make("g", {}, inside);
      follow(svg, (px, py) => {
        let found = null;
        let least = 22 ** 2;
        for (const { trial, points } of lines) {
          if (!passes(trial.n)) continue;
          for (let i = 0; i < points.length; i += 1) {
            const a = points[i];
            const b = points[i + 1];
            if (!a) continue;
            let [qx, qy] = a;
            if (b && px > a[0] && px < b[0]) {
              qx = px;
              qy = a[1] + ((b[1] - a[1]) * (px - a[0])) / (b[0] - a[0]);
            }
            const far = (qx - px) ** 2 + (qy - py) ** 2;
            if (far < least) [least, found] = [far, trial.n];
          }
        }
        return found;
      });
      return (trial) => {
        over.replaceChildren();
        if (!trial || !data.curves[trial.n]) return;
        folds(trial, "mark", over);
        make("path", { class: "curve mark", d: trace(curvePoints(of(trial, side), x, y, log)) }, over);
      };
    });
    pictures[0] = { mark: (trial) => marks.forEach((mark) => mark(trial)) };
    const hasFolds = Object.keys(data.folds).length > 0;
    const beyond = all.some((v) => isNumber(v) && (v > high * 1.0001 || v < low * 0.9999));
    find("curves-note").textContent = [
      `One line a trial${hasFolds ? ", the mean of its folds as far as all of them ran" : ""}: the better, the stronger; the best in red${hasFolds ? " with its folds as thin lines" : ""}.`,
      drawn.some((t) => t.state === "pruned") ? "Grey: cut early." : "",
      drawn.some((t) => !["complete", "pruned"].includes(t.state)) ? "Brown: failed or not done yet." : "",
      hasFolds ? "The score takes each fold at its best epoch, so it may lie beyond the mean curve." : "",
      beyond ? "Values far outside are cut off." : "",
    ].filter(Boolean).join(" ");
    remark();
  };

  // -- pictures of scores

  const scored = stacked.filter((trial) => isNumber(trial.score));
  const scoreRange = () => {
    const values = ranked.length ? ranked : scored;
    const [low, high] = robust(values.map((t) => t.score), best ? [best.score] : []);
    return [low, high];
  };
  const putDots = (svg, dots) => {
    for (const dot of dots) {
      const shape = dot.edge
        ? { d: `M${dot.x - 4} ${dot.y}h8l-4 ${dot.edge * 6}z` }
        : { cx: dot.x.toFixed(1), cy: dot.y.toFixed(1), r: dot.trial.n === data.best ? 5.5 : 3.8 };
      make(dot.edge ? "path" : "circle", { class: `dot ${look(dot.trial)}`, "data-n": dot.trial.n, ...shape }, svg);
    }
    const over = make("g", {}, svg);
    follow(svg, (px, py) => {
      let found = null;
      let least = 18 ** 2;
      for (const dot of dots) {
        const far = (dot.x - px) ** 2 + (dot.y - py) ** 2;
        if (far <= least && passes(dot.trial.n)) [least, found] = [far, dot.trial.n];
      }
      return found;
    });
    return (trial) => {
      over.replaceChildren();
      const dot = trial && dots.find((d) => d.trial === trial);
      if (dot) make("circle", { class: "dot mark", cx: dot.x, cy: dot.y, r: 7 }, over);
    };
  };
  const many = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
  // What a picture of scores does not show, or not where it is.
  const leftOut = (dots, crosses) => {
    const outside = new Set(dots.filter((d) => d.edge).map((d) => d.trial.n)).size;
    const silent = trials.length - scored.length - crosses;
    return [
      outside ? `Triangles: ${many(outside, "score")} outside of the picture.` : "",
      silent ? `Not drawn: ${many(silent, "trial")} without a score.` : "",
    ].filter(Boolean);
  };
  const edgeOf = (value, range) => (value > range[1] ? -1 : value < range[0] ? 1 : 0);

  const drawHistory = () => {
    const host = find("history");
    host.replaceChildren();
    if (!scored.length) { html("p", host, "No trial has a score yet.", { class: "note" }); pictures[1] = {}; return; }
    const size = { width: host.clientWidth || 320, height: 280, left: 50, right: 10, top: 12, bottom: 36 };
    const first = trials[0].n;
    const last = Math.max(first + 1, trials[trials.length - 1].n);
    const range = scoreRange();
    const x = makeScale(first, last, size.left, size.width - size.right, false, 0.02);
    const y = makeScale(range[0], range[1], size.height - size.bottom, size.top);
    const svg = frame(host, size, x, y, { x: "trial", ticks: wholeTicks(first, last, 7).map((v) => [v, v]), aria: `${objective.name} by trial; best ${best ? label(best.score) : "none"}` });
    let record = null;
    const steps = [];
    for (const trial of trials) {
      if (trial.state !== "complete" || !isNumber(trial.score)) continue;
      if (record === null || sign * (trial.score - record) > 0) {
        if (record !== null) steps.push([x.at(trial.n), y.clamped(record)]);
        record = trial.score;
        steps.push([x.at(trial.n), y.clamped(record)]);
      }
    }
    if (record !== null) steps.push([x.at(last), y.clamped(record)]);
    make("path", { class: "so-far", d: trace(steps) }, svg);
    for (const trial of trials.filter((t) => t.state === "failed")) {
      const [cx, cy] = [x.at(trial.n), size.height - size.bottom - 5];
      make("title", {}, make("path", { class: "cross", d: `M${cx - 3} ${cy - 3}l6 6m0 -6l-6 6`, "data-n": trial.n }, svg), `trial ${trial.n} failed`);
    }
    const dots = scored.map((trial) => ({ trial, x: x.at(trial.n), y: y.clamped(trial.score), edge: edgeOf(trial.score, range) }));
    const mark = putDots(svg, dots);
    const words = ["Line: the best so far."];
    if (trials.some((t) => t.state === "pruned" && isNumber(t.score))) words.push("Hollow: cut early, with the score it had then.");
    if (trials.some((t) => t.state === "failed")) words.push("Crosses: failed.");
    words.push(...leftOut(dots, trials.filter((t) => t.state === "failed").length));
    html("p", host, words.join(" "), { class: "note" });
    pictures[1] = { mark };
  };

  const jitter = (n) => ((n * 0.61803398875) % 1) - 0.5;
  const drawScatter = () => {
    const host = find("scatter");
    host.replaceChildren();
    if (!parameters.length || !scored.length) { html("p", host, "Nothing to draw yet: no score, or no hyperparameter with two values.", { class: "note" }); pictures[2] = {}; return; }
    const range = scoreRange();
    const every = [];
    const marks = parameters.map((parameter, k) => {
      const cell = html("div", host);
      const size = { width: cell.clientWidth || 250, height: 210, left: 46, right: 8, top: 26, bottom: 24 };
      const isCategory = parameter.kind === "category";
      const x = isCategory
        ? makeScale(-0.5, parameter.labels.length - 0.5, size.left, size.width - size.right, false, 0)
        : makeScale(parameter.low, parameter.high, size.left, size.width - size.right, parameter.log);
      const y = makeScale(range[0], range[1], size.height - size.bottom, size.top);
      const room = (size.width - size.left) / Math.max(1, parameter.labels.length);
      const at = isCategory
        ? parameter.labels.map((text, i) => [i, shorten(text, Math.floor(room / 6.5))]).filter((_, i) => i % Math.ceil(26 / Math.max(room, 1)) === 0)
        : ticksOf(parameter, x, Math.max(2, Math.floor(size.width / 70))).map((v) => [v, label(v)]);
      const svg = frame(cell, size, x, y, { title: parameter.name, ticks: at, aria: `${objective.name} against ${parameter.name}` });
      const dots = scored.filter((trial) => isNumber(trial.places[k])).map((trial) => ({
        trial,
        x: x.clamped(trial.places[k] + (isCategory ? 0.5 * jitter(trial.n) : 0)),
        y: y.clamped(trial.score),
        edge: edgeOf(trial.score, range),
      }));
      every.push(...dots);
      return putDots(svg, dots);
    });
    find("scatter-note").textContent = leftOut(every, 0).join(" ");
    pictures[2] = { mark: (trial) => marks.forEach((mark) => mark(trial)) };
  };

  // -- parallel coordinates

  let axes = [];
  const makeAxes = () => {
    const found = parameters.map((parameter, k) => {
      const isCategory = parameter.kind === "category";
      const scale = isCategory
        ? makeScale(-0.5, parameter.labels.length - 0.5, 0, 1, false, 0)
        : makeScale(parameter.low, parameter.high, 0, 1, parameter.log, 0);
      const every = Math.ceil(parameter.labels.length / 18);
      const ticks_ = isCategory ? parameter.labels.map((text, i) => [scale.at(i), text]).filter((_, i) => i % every === 0) : ticksOf(parameter, scale, 5).map((v) => [scale.at(v), label(v)]);
      const share = (trial) => (isNumber(trial.places[k]) ? scale.at(trial.places[k]) + (isCategory ? (0.5 * jitter(trial.n)) / parameter.labels.length : 0) : null);
      return { name: parameter.name, ticks: ticks_, share };
    });
    if (scored.length) {
      const range = scoreRange();
      const scale = makeScale(range[0], range[1], 0, 1, false, 0.02);
      const flip = sign > 0 ? (v) => v : (v) => 1 - v;
      const ticks_ = scale.ticks(5).map((v) => [flip(scale.at(v)), label(v)]);
      found.push({ name: objective.name, ticks: ticks_, share: (trial) => (isNumber(trial.score) ? flip(scale.clamped(trial.score)) : null), last: true });
    }
    return found;
  };
  const drawParallel = () => {
    const host = find("parallel");
    host.replaceChildren();
    axes = makeAxes();
    const drawn = stacked.filter((trial) => axes.some((axis) => axis.share(trial) !== null));
    const absent = trials.length - drawn.length;
    find("parallel-note").textContent = absent ? `Not drawn: ${many(absent, "trial")} without values or a score.` : "";
    if (axes.length < 2 || !drawn.length) { html("p", host, "Nothing to draw yet: no score, or no hyperparameter with two values.", { class: "note" }); pictures[3] = {}; return; }
    const left = 64;
    const width = Math.max(host.clientWidth || 320, left + 60 + (axes.length - 1) * 104);
    const size = { width, height: 350, top: 34, bottom: 34 };
    const gap = (width - left - 60) / (axes.length - 1);
    const low = size.height - size.bottom;
    const x = (k) => left + gap * k;
    const y = (share) => low - share * (low - size.top);
    const without = axes.some((axis) => drawn.some((trial) => axis.share(trial) === null));
    const svg = make("svg", { width, height: size.height, role: "img", "aria-label": `parallel coordinates of ${drawn.length} trials over ${axes.map((a) => a.name).join(", ")}` }, host);
    const points = (trial) => axes.map((axis, k) => [x(k), axis.share(trial) === null ? low + 16 : y(axis.share(trial))]);
    const lines = drawn.map((trial) => ({ trial, points: points(trial) }));
    for (const line of lines) make("path", { class: `curve ${look(line.trial)}`, d: trace(line.points), "data-n": line.trial.n }, svg);
    const over = make("g", {}, svg);
    axes.forEach((axis, k) => {
      make("line", { class: "axis", x1: x(k), x2: x(k), y1: size.top, y2: low }, svg);
      const title = make("text", { class: "title", x: x(k), y: 14, "text-anchor": "middle" }, svg, shorten(axis.name, Math.floor(gap / 8.6)));
      make("title", {}, title, axis.name);
      const room = Math.max(1, Math.floor(gap / 7) - 2);
      for (const [share, text] of axis.ticks) make("text", { x: x(k) - 7, y: y(share) + 4, "text-anchor": "end" }, svg, shorten(text, k ? room : 9));
    });
    if (without) make("text", { x: left - 7, y: low + 20, "text-anchor": "end" }, svg, "none");
    follow(svg, (px, py) => {
      const k = Math.min(axes.length - 2, Math.max(0, Math.floor((px - left) / gap)));
      const part = (px - x(k)) / gap;
      let found = null;
      let least = 12;
      for (const line of lines) {
        if (!passes(line.trial.n)) continue;
        const far = Math.abs(line.points[k][1] + part * (line.points[k + 1][1] - line.points[k][1]) - py);
        if (far < least) [least, found] = [far, line.trial.n];
      }
      return found;
    });
    axes.forEach((axis, k) => addBrush(svg, axis, k, x(k), y, size.top, low));
    pictures[3] = { mark: (trial) => {
      over.replaceChildren();
      if (trial) make("path", { class: "curve mark", d: trace(points(trial)) }, over);
    } };
  };
  const addBrush = (svg, axis, k, at, y, top, low) => {
    const box = make("rect", { class: "brush", x: at - 8, width: 16, rx: 3, visibility: "hidden" }, svg);
    const grip = make("rect", { class: "grip", x: at - 14, width: 28, y: top - 8, height: low - top + 16 }, svg);
    const show = () => {
      const range = state.brushes.get(k);
      box.setAttribute("visibility", range ? "visible" : "hidden");
      if (range) { box.setAttribute("y", y(range[1])); box.setAttribute("height", Math.max(1, y(range[0]) - y(range[1]))); }
    };
    const shareAt = (event) => Math.min(1, Math.max(0, (low - (event.clientY - svg.getBoundingClientRect().top)) / (low - top)));
    let start = null;
    grip.addEventListener("pointerdown", (event) => { start = shareAt(event); grip.setPointerCapture(event.pointerId); hover(null); event.preventDefault(); });
    grip.addEventListener("pointermove", (event) => {
      if (start === null) return;
      const now = shareAt(event);
      if (Math.abs(now - start) < 0.015) state.brushes.delete(k);
      else state.brushes.set(k, [Math.min(start, now), Math.max(start, now)]);
      show();
      sift();
    });
    const stop = (event) => {
      if (start !== null && event.type === "pointerup" && Math.abs(shareAt(event) - start) < 0.015) { state.brushes.delete(k); show(); sift(); }
      start = null;
    };
    grip.addEventListener("pointerup", stop);
    grip.addEventListener("pointercancel", stop);
    grip.addEventListener("click", (event) => event.stopPropagation());
    show();
  };

  // -- the table

  const table = document.querySelector("#table table");
  const heads = [...table.querySelectorAll("thead th")];
  const count = data.names.length;
  const keyOf = (column) => (trial) => {
    if (column === 0) return trial.n;
    if (column === 1) return trial.state;
    if (column === 2) return trial.score;
    if (column === 3) return trial.deviation;
    if (column < 4 + count) return trial.values[column - 4];
    return [trial.epochs, trial.best_epoch, trial.seconds][column - 4 - count];
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), undefined, { numeric: true });
  };
  const sortTable = (column, way) => {
    const key = keyOf(column);
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => ({ row, trial: byNumber.get(Number(row.dataset.n)) }));
    rows.sort((a, b) => {
      const [u, v] = [key(a.trial), key(b.trial)];
      // What is missing stands last, whichever way.
      if (u === null || v === null) return (u === null) - (v === null) || a.trial.n - b.trial.n;
      return way * compare(u, v) || a.trial.n - b.trial.n;
    });
    body.append(...rows.map((item) => item.row));
    heads.forEach((head, i) => {
      if (i === column) head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
  };
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const sorted = head.getAttribute("aria-sort");
    const firstWay = column === 2 ? -sign : 1;
    sortTable(column, sorted ? (sorted === "ascending" ? -1 : 1) : firstWay);
  }));
  table.tBodies[0].addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row) pin(Number(row.dataset.n));
  });
  if (ranked.length) sortTable(2, -sign);

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (state.pin !== null) pin(state.pin);
    else if (state.brushes.size) { state.brushes.clear(); drawAll(); }
  });

  // -- all of it, and again when the width changes

  if (trials.length > 150) document.body.classList.add("many");
  const drawAll = () => {
    drawCurves();
    drawHistory();
    drawScatter();
    drawParallel();
    sift();
    remark();
  };
  let width = innerWidth;
  let waiting = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(drawAll, 120);
  });
  drawAll();
})();
