/* The market's data: unpacked from whole steps, and thinned by extremes to what a window shows. */
(() => {
  "use strict";

  const { summed } = ff;
  const prices = ({ open, high, low, close }, unit) => {
    const out = Object.fromEntries(["open", "high", "low", "close"].map((name) => [name, new Float64Array(close.length).fill(NaN)]));
    let last = 0;
    for (let i = 0; i < close.length; i += 1) {
      if (close[i] === null) continue;
      const first = last + open[i];
      last += close[i];
      out.open[i] = Math.exp(first * unit);
      out.close[i] = Math.exp(last * unit);
      out.high[i] = Math.exp((Math.max(first, last) + high[i]) * unit);
      out.low[i] = Math.exp((Math.min(first, last) - low[i]) * unit);
    }
    return out;
  };
  /* One coin; all times are milliseconds: `x` of a candle its opening, of all else when it was known. */
  const unpack = (told, unit) => {
    const at = (bar) => told.start + bar * told.bar;
    const width = told.bar * told.step;
    const curves = told.curves.map((curve) => {
      const value = summed(curve.value, curve.unit);
      const place = curve.at ? summed(curve.at) : value.map((_, i) => i);
      return { ...curve, value, x: place.map((bar) => at(bar + 1)) };
    });
    const { events } = told;
    return {
      start: told.start, end: at(told.count), bar: told.bar, width, curves, trades: [],
      price: prices(told.price, unit),
      events: { ...events, x: summed(events.at).map((bar) => at(bar + 1)) },
      planted: told.planted,
    };
  };

  /* the first place in rising values that is not below a limit */
  const from = (values, limit) => {
    let low = 0, high = values.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[middle] < limit) low = middle + 1; else high = middle;
    }
    return low;
  };
  /* Places in [first, last) of about so many values with all highs and lows; a hole keeps one NaN. */
  const extremes = (values, first, last, points) => {
    const size = Math.max(Math.ceil((2 * (last - first)) / points), 1);
    const kept = [];
    if (size <= 2) {
      for (let i = first; i < last; i += 1) kept.push(i);
      return kept;
    }
    for (let begin = first; begin < last; begin += size) {
      let low = begin, high = begin;
      for (let i = begin; i < Math.min(begin + size, last); i += 1) {
        if (values[i] < values[low] || Number.isNaN(values[low])) low = i;
        if (values[i] > values[high] || Number.isNaN(values[high])) high = i;
      }
      kept.push(Math.min(low, high));
      if (low !== high) kept.push(Math.max(low, high));
    }
    if (kept.at(-1) !== last - 1) kept.push(last - 1);
    return kept;
  };
  /* Candles that open in [since, until), at most so many: neighbours are joined. */
  const candles = (coin, since, until, most) => {
    const { open, high, low, close } = coin.price;
    const first = Math.max(Math.floor((since - coin.start) / coin.width), 0);
    const last = Math.min(Math.ceil((until - coin.start) / coin.width), close.length);
    const size = Math.max(Math.ceil((last - first) / most), 1);
    const out = { size, x: [], open: [], high: [], low: [], close: [] };
    for (let begin = first; begin < last; begin += size) {
      let o = NaN, h = NaN, l = NaN, c = NaN;
      for (let i = begin; i < Math.min(begin + size, last); i += 1) {
        if (Number.isNaN(close[i])) continue;
        if (Number.isNaN(o)) { o = open[i]; h = high[i]; l = low[i]; }
        h = Math.max(h, high[i]);
        l = Math.min(l, low[i]);
        c = close[i];
      }
      out.x.push(coin.start + begin * coin.width);
      out.open.push(o); out.high.push(h); out.low.push(l); out.close.push(c);
    }
    return out;
  };
  /* what a curve was known to be at a time; NaN before it was known */
  const known = (curve, time) => {
    const place = from(curve.x, time + 1) - 1;
    return place < 0 ? NaN : curve.value[place];
  };

  ff.marketData = { candles, extremes, from, known, unpack };
})();
