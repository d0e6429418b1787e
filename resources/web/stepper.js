"use strict";
(() => {
  const at = (name) => document.getElementById(name);
  const deck = JSON.parse(at("deck").textContent);
  const last = deck.frames.length - 1;
  let now = -1;

  const markup = (frame) =>
    frame.parts.map((part) => deck.parts[part].map((line) => deck.lines[line]).join("\n")).join("\n");

  const fill = (picture, frame) => {
    picture.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
    picture.setAttribute("aria-label", frame.title);
    picture.innerHTML = markup(frame);
  };

  const show = (wanted, keepsPlace) => {
    const goal = Math.min(last, Math.max(0, wanted));
    if (goal === now) return;
    now = goal;
    const frame = deck.frames[now];
    const root = document.documentElement;
    root.dataset.theme = frame.theme;
    root.style.setProperty("--page", frame.background || "var(--panel)");
    root.style.setProperty("--ratio", String(frame.width / frame.height));
    fill(at("slide"), frame);
    for (const name of ["title", "notes", "address", "step"]) at(name).textContent = frame[name];
    document.title = frame.title || "BackpropViz";
    at("count").textContent = `${now + 1} of ${last + 1}`;
    const slider = at("slider");
    slider.value = String(now + 1);
    slider.setAttribute("aria-valuetext", `${now + 1} of ${last + 1}: ${frame.title}`);
    slider.style.setProperty("--done", `${last ? (100 * now) / last : 100}%`);
    for (const name of ["first", "back"]) at(name).setAttribute("aria-disabled", String(now === 0));
    for (const name of ["next", "last"]) at(name).setAttribute("aria-disabled", String(now === last));
    if (keepsPlace) return;
    // A page inside another may not be allowed to name its place.
    try { history.replaceState(null, "", `#${now + 1}`); } catch { /* it steps all the same */ }
  };

  const full = () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen?.().catch(() => {});
  };

  const buttons = {
    first: () => show(0), back: () => show(now - 1), next: () => show(now + 1),
    last: () => show(last), full,
  };
  for (const [name, act] of Object.entries(buttons)) at(name).addEventListener("click", act);
  at("full").hidden = !document.fullscreenEnabled;
  at("slider").addEventListener("input", (event) => show(Number(event.target.value) - 1));

  const keys = {
    ArrowRight: buttons.next, ArrowDown: buttons.next, PageDown: buttons.next, n: buttons.next,
    ArrowLeft: buttons.back, ArrowUp: buttons.back, PageUp: buttons.back, p: buttons.back,
    Backspace: buttons.back, Home: buttons.first, End: buttons.last, f: full,
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const onButton = event.target instanceof HTMLButtonElement;
    let act = keys[event.key];
    if (event.key === " " && !onButton) act = event.shiftKey ? buttons.back : buttons.next;
    if (!act) return;
    event.preventDefault();
    act();
  });

  let touched = null;
  at("stage").addEventListener("touchstart", (event) => {
    const [finger, second] = event.touches;
    touched = second ? null : [finger.clientX, finger.clientY];
  }, { passive: true });
  at("stage").addEventListener("touchend", (event) => {
    if (!touched) return;
    const { clientX, clientY } = event.changedTouches[0];
    const [right, down] = [clientX - touched[0], clientY - touched[1]];
    touched = null;
    if (Math.abs(right) > 40 && Math.abs(right) > 2 * Math.abs(down)) show(now - Math.sign(right));
  });

  addEventListener("beforeprint", () => {
    at("pages").replaceChildren(...deck.frames.map((frame) => {
      const page = document.createElementNS(at("slide").namespaceURI, "svg");
      fill(page, frame);
      return page;
    }));
  });
  addEventListener("afterprint", () => at("pages").replaceChildren());

  const named = () => (Number.parseInt(location.hash.slice(1), 10) || 1) - 1;
  addEventListener("hashchange", () => show(named(), true));
  show(named(), true);
})();
