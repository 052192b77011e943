"""How real pictures look: any picture stage against photographs and videos of people nobody trained on."""
