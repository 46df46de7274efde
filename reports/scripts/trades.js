/* The table of all trades, which phase pages and market figures share: unpacked once one needs it. */
(() => {
  "use strict";

  /* Columns of one value a trade; times are milliseconds, gains, excursions and funding basis points. */
  const unpack = (told) => {
    const { unit, priceUnit, coins, reasons } = told;
    const entry = ff.summed(told.entry, unit);
    const logs = ff.summed(told.price);
    const lone = new Set(told.lone);
    const price = logs.map((log) => Math.exp(log * priceUnit));
    return {
      coins, entry, price, lone,
      groups: told.groups.map(([strategy, phase, stance, first], place, all) => ({ strategy, phase, stance, first, last: all[place + 1]?.[3] ?? entry.length })),
      coin: ff.summed(told.coin),
      exit: entry.map((time, i) => time + told.held[i] * unit),
      left: logs.map((log, i) => (told.left[i] === null ? NaN : Math.exp((log + told.left[i]) * priceUnit))),
      side: told.side,
      reason: told.reason.map((code) => reasons[code]),
      ...Object.fromEntries(["gain", "mae", "mfe", "funding"].map((name) => [name, Float64Array.from(told[name], (value) => value ?? NaN)])),
    };
  };
  /* The rows of each coin, by its number. */
  const byCoin = (table) => {
    if (!table.byCoin) {
      table.byCoin = table.coins.map(() => []);
      table.coin.forEach((coin, row) => table.byCoin[coin].push(row));
    }
    return table.byCoin;
  };
  /* One coin's trades as the market figure draws them: a set of columns for each stance. */
  const ofCoin = (table, number, common) => {
    const rows = byCoin(table)[number] ?? [];
    const place = (names) => new Map(names.map((name, at) => [name, at]));
    const strategies = place(common.strategyNames), phases = place(common.phaseNames);
    const stances = [...new Set(table.groups.map(({ stance }) => stance))];
    const whose = new Map(stances.map((stance) => [stance, []]));
    let group = 0; // rows and groups are in the same order
    for (const row of rows) {
      while (table.groups[group].last <= row) group += 1;
      whose.get(table.groups[group].stance).push([row, table.groups[group]]);
    }
    return stances.map((stance) => {
      const mine = whose.get(stance);
      const column = (name) => mine.map(([row]) => table[name][row]);
      return {
        stance,
        ...Object.fromEntries(["entry", "exit", "price", "left", "gain", "mae", "mfe", "side", "reason"].map((name) => [name, column(name)])),
        lone: mine.map(([row]) => table.lone.has(row)),
        strategy: mine.map(([, { strategy }]) => strategies.get(strategy)),
        phase: mine.map(([, { phase }]) => phases.get(phase)),
      };
    }).filter(({ entry }) => entry.length);
  };

  let table = null;
  ff.trades = {
    unpack, ofCoin,
    /* the table, once it is unpacked; null where the page has none */
    load: () => {
      table ??= document.getElementById("trades-data") ? ff.unzipped("trades-data").then((text) => unpack(JSON.parse(text))) : Promise.resolve(null);
      return table;
    },
  };
})();
