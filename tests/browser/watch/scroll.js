async () => {
    const grid = document.querySelector('.zw-grid');
    const frame = () => new Promise(requestAnimationFrame);

    const measure = async (milliseconds, each) => {
        const begun = performance.now();
        let frames = 0, longest = 0, last = begun, now = begun;
        while (now - begun < milliseconds) {
            now = await frame();
            longest = Math.max(longest, now - last);
            last = now;
            each(frames++);
        }
        return { fps: frames / ((now - begun) / 1000), longest, frames };
    };

    const isBlank = () => {
        const box = grid.getBoundingClientRect();
        const at = document.elementFromPoint(box.left + 200, box.top + box.height / 2);
        return !at.closest('.zw-row');
    };

    let looked = 0, blank = 0;
    const moving = await measure(4000, (n) => {
        grid.scrollTop += 120;
        // Looking makes the browser lay out the page, so not at every frame.
        if (n % 4) return;
        looked += 1;
        if (isBlank()) blank += 1;
    });
    return { ...moving, blank: blank / looked };
}
