async (within = '.zefnb-watch') => {
    // Colours fade over when a theme changes.
    const fades = document.getAnimations().filter(
        ({ playState, effect }) => playState === 'running' && effect.getComputedTiming().endTime < Infinity);
    await Promise.allSettled(fades.map(({ finished }) => finished));
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const paint = (...colours) => {
        canvas.clearRect(0, 0, 1, 1);
        for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map(c => c / 255)
        .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = element => {
        const all = [];
        for (let e = element; e; e = e.parentElement) all.unshift(getComputedStyle(e).backgroundColor);
        return all;
    };
    const faults = [];
    for (const element of document.querySelectorAll(`${within} *`)) {
        const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
        if (!own || !element.checkVisibility() || element.disabled || element.closest('.zw-unseen')) continue;
        const back = behind(element);
        const [a, b] = [light(paint(...back)), light(paint(...back, getComputedStyle(element).color))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        const name = element.className || element.tagName;
        if (ratio < 4.5) faults.push(`${name} ${ratio.toFixed(2)} ${element.textContent.slice(0, 30)}`);
    }
    return faults;
}
